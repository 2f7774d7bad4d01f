//! Messages to send.

/// A SOAP 1.1 request without a header.
pub fn quote() -> String {
    envelope("")
}

/// A SOAP 1.1 request of the client with that `ClientID`.
pub fn quote_of(client: &str) -> String {
    envelope(&format!(
        "<soapenv:Header><s:ClientID xmlns:s=\"http://ws.apache.org/ns/synapse\">{client}</s:ClientID></soapenv:Header>"
    ))
}

fn envelope(header: &str) -> String {
    format!(
        "<soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\">{header}\
         <soapenv:Body><getQuote>IBM</getQuote></soapenv:Body></soapenv:Envelope>"
    )
}
