use crate::client::ClientError;
use crate::record::{Batch, BatchError, BatchHeader, Batches, DecompressionLimits, Record};
use crate::types::{Offset, PartitionIndex};
use bytes::Bytes;

/// Batches of one partition, as the broker sent them: compressed, not yet checked.
#[derive(Debug, Clone)]
pub struct Fetched {
    pub(super) topic: std::sync::Arc<str>,
    /// Where they are from.
    pub partition: PartitionIndex,
    /// The first offset that was asked for; the first batch may begin before it.
    pub from: Offset,
    /// The first offset not wanted any more, if there is one.
    pub until: Option<Offset>,
    /// The first offset after the last batch.
    pub next: Offset,
    /// Whole batches.
    pub data: Bytes,
}

impl Fetched {
    /// Unpacks the batches, checks their checksums and hands each wanted record to `each`, in order;
    /// stops at its first error. Control batches are no one's records and left out.
    ///
    /// # Errors
    /// [`ClientError::Corrupt`], and those of `each`.
    pub fn visit<E: From<ClientError>>(
        &self,
        limits: &DecompressionLimits,
        mut each: impl FnMut(&Record<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        for batch in Batches::new(self.data.clone()) {
            let batch = batch.map_err(|error| self.corrupt(self.from, &error))?;
            if batch.header().is_control() {
                continue;
            }
            self.visit_batch(&batch, limits, &mut each)?;
        }
        Ok(())
    }

    fn visit_batch<E: From<ClientError>>(
        &self,
        batch: &Batch,
        limits: &DecompressionLimits,
        each: &mut impl FnMut(&Record<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let base = batch.header().base_offset();
        let records = batch
            .records(limits)
            .map_err(|error| self.corrupt(base, &error))?;
        for record in records.iter() {
            let record = record.map_err(|error| self.corrupt(base, &error))?;
            if record.offset < self.from {
                continue;
            }
            if self.until.is_some_and(|until| record.offset >= until) {
                break;
            }
            each(&record)?;
        }
        Ok(())
    }

    fn corrupt(&self, offset: Offset, error: &BatchError) -> ClientError {
        ClientError::Corrupt {
            topic: self.topic.to_string(),
            partition: self.partition.get(),
            offset: offset.get(),
            reason: error.to_string(),
        }
    }
}

/// Cuts `data` behind its last whole batch and says which offset follows that; `None` if there is no
/// whole batch. Looks at headers only.
///
/// # Errors
/// What is wrong with a header.
pub(super) fn whole_batches(data: &Bytes) -> Result<Option<(Bytes, Offset)>, BatchError> {
    let (mut end, mut next) = (0, None);
    while let Some(rest) = data.get(end..).filter(|rest| !rest.is_empty()) {
        let header = match BatchHeader::read(rest) {
            Ok(header) => header,
            Err(BatchError::Truncated { .. }) => break,
            Err(error) => return Err(error),
        };
        if header.size() > rest.len() {
            break;
        }
        end += header.size();
        next = Some(header.next_offset());
    }
    Ok(next.map(|next| (data.slice(..end), next)))
}
