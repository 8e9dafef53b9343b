pub(super) fn compare<F: Fn() -> std::pin::Pin<Box<dyn Future<Output = super::TestStore>>>>(_: F) {}
