//! librdkafka, unmodified, against the broker at `$broker_address`. Started by `run`.
//!
//! Every case makes topics of its own. Readers assign partitions themselves: no groups.

mod cases;
mod client;

use std::time::Instant;

fn main() {
    let cluster = client::Cluster::from_environment();
    let (mut passed, mut failed) = (0, 0);
    for (name, case) in cases::all() {
        let began = Instant::now();
        match case(&cluster) {
            Ok(()) => {
                passed += 1;
                println!("ok      {name} ({:.1} s)", began.elapsed().as_secs_f64());
            }
            Err(fault) => {
                failed += 1;
                println!("FAILED  {name}\n        {fault}");
            }
        }
    }
    println!("rdkafka: {passed} passed, {failed} failed");
    std::process::exit(i32::from(failed > 0));
}
