//! stub
use crate::broker::*;
use bytes::Bytes;
#[derive(Debug)]
pub struct Call;
#[derive(Debug, thiserror::Error)]
#[error("x")]
pub struct Refusal;
pub enum Parsed {
    Request(Call, Request),
    Answer(Vec<Part>),
}
pub fn parse(_f: &Bytes) -> Result<Parsed, Refusal> {
    Err(Refusal)
}
pub fn respond(_c: &Call, _r: Response) -> Vec<Part> {
    vec![]
}
