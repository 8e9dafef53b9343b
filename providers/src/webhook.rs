#[derive(Clone, Debug)]
pub struct WebhookSettings;
