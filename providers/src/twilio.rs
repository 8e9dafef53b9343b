#[derive(Clone, Debug)]
pub struct TwilioSettings;
