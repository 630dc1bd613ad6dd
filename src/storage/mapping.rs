//! Mappings.

/// A range of a mapping.
#[derive(Debug, Clone)]
pub struct MappedRange {}
impl MappedRange {
    /// Address.
    pub fn pointer(&self) -> *const u8 {
        std::ptr::null()
    }
    /// Length.
    pub fn length(&self) -> usize {
        0
    }
}
