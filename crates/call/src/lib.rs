//! What a call is for a customer: calls, routing, commands, events.
