#[derive(Clone, Debug)]
pub struct SandboxSettings;
