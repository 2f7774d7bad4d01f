//! Small pure helpers that know nothing of proxies. Anything with a domain name lives elsewhere.

pub mod clock;
