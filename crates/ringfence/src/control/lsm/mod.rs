//! stub
use crate::host::Host;
use crate::policy::At;
use crate::policy::model::Label;
pub struct Model {
    pub apparmor: At<Label>,
    pub selinux: At<Label>,
}
pub fn compile<'a>(_m: &Model, _h: &Host) -> super::Compiled<'a> {
    super::Compiled::default()
}
