//! A world for tests: clock, lossy network, phones, a customer's application.
