//! Small pure helpers that know nothing of proxies. Anything with a domain name lives elsewhere.

pub mod base64;
pub mod clock;
pub mod gauge;
pub mod http_date;
