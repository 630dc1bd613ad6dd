//! The repository's own rules, as a test: layers, places, names, lengths.
//!
//! `mentions` finds every path in the code, `names` says what it means, `layers` and `places`
//! judge it; `style` and `reach` look at the files themselves. `faults` proves that each rule bites.

mod faults;
mod layers;
mod mentions;
mod names;
mod places;
mod reach;
mod source;
mod style;

use names::Names;
use reach::Reach;
use source::read_repository;

fn assert_tidy(faults: &[String]) {
    assert!(
        faults.is_empty(),
        "{} faults:\n{}",
        faults.len(),
        faults.join("\n")
    );
}

#[test]
fn no_arrow_between_layers_runs_up() {
    assert_tidy(&layers::check(&Names::read(&read_repository())));
}

#[test]
fn crates_clocks_files_and_threads_are_in_their_places() {
    assert_tidy(&places::check(&Names::read(&read_repository())));
}

#[test]
fn files_are_short_named_and_documented() {
    let sources = read_repository();
    let reach = Reach::walk(&sources);
    let mut faults: Vec<String> = sources.iter().flat_map(style::check_text).collect();
    for source in sources.iter().filter(|source| source.is_rust()) {
        let private = reach.is_private(&source.path) || !source.is_engine();
        faults.extend(style::check_rust(source, private));
    }
    assert_tidy(&faults);
}

#[test]
fn every_page_that_is_named_exists() {
    assert_tidy(&style::check_pages(&read_repository()));
}

#[test]
fn every_file_is_reached_from_the_root() {
    let sources = read_repository();
    assert_tidy(&Reach::walk(&sources).dead_files(&sources));
}
