use super::cluster::Cluster;
use crate::client::ClientError;
use crate::types::Instant;
use std::time::Duration;

/// The pause between two questions about who leads what.
pub(super) const REFRESH_PAUSE: Duration = Duration::from_millis(100);

/// Asks anew who leads a topic's partitions when that is wished for, not all the time.
#[derive(Debug)]
pub(super) struct Refresh {
    topic: String,
    asked_at: Instant,
    is_wished: bool,
}

impl Refresh {
    pub(super) fn new(topic: &str, now: Instant) -> Self {
        Self {
            topic: topic.to_owned(),
            asked_at: now,
            is_wished: false,
        }
    }

    /// Takes in whether it is wished for, and asks if it is time to. Gives the time after that.
    pub(super) fn poll(
        &mut self,
        wished: bool,
        now: Instant,
        cluster: &mut Cluster,
    ) -> Result<Instant, ClientError> {
        self.is_wished |= wished;
        if !self.is_wished || now < self.asked_at.after(REFRESH_PAUSE) {
            return Ok(now);
        }
        match cluster.refresh(&[&self.topic]) {
            Ok(()) => self.is_wished = false,
            // Tried again until whoever wishes for it gives up.
            Err(error) if error.is_connection() => {}
            Err(error) => return Err(error),
        }
        self.asked_at = cluster.clock().now();
        Ok(self.asked_at)
    }
}
