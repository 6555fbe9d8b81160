//! stub
use crate::host::Host;
use crate::policy::model::Limits;
pub mod cgroup {
    #[derive(Debug, Clone)]
    pub struct Request;
}
pub struct Model {
    pub limits: Limits,
}
pub struct Outcome<'a> {
    pub compiled: super::Compiled<'a>,
    pub cgroup: Option<cgroup::Request>,
    pub wall: Option<std::time::Duration>,
}
pub fn compile<'a>(m: &Model, _h: &Host) -> Outcome<'a> {
    Outcome {
        compiled: super::Compiled::default(),
        cgroup: None,
        wall: m.limits.wall_ms.as_ref().map(|w| std::time::Duration::from_millis(w.value)),
    }
}
