//! Certificates: they are verified by default. The configuration can add certificates, or turn the
//! check off.

use std::sync::Arc;

use plex_api::{Client, Config, ErrorKind, RetryPolicy, Token};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

const ANSWER: &str = r#"{"MediaContainer": {"size": 0}}"#;

/// A TLS server for `localhost` with a certificate that nobody knows. Returns its address by name
/// and by number, and the certificate as PEM.
async fn server() -> (String, String, Vec<u8>) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut socket) = acceptor.accept(socket).await else { return };
                let _ = socket.read(&mut [0; 4096]).await;
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", ANSWER.len());
                let _ = socket.write_all(format!("{head}{ANSWER}").as_bytes()).await;
                let _ = socket.shutdown().await;
            });
        }
    });
    let by_name = format!("https://localhost:{port}");
    (by_name, format!("https://127.0.0.1:{port}"), made.cert.pem().into_bytes())
}

#[tokio::test]
async fn certificates_are_verified_unless_told_otherwise() {
    let (by_name, by_number, pem) = server().await;
    let tls = Err(ErrorKind::Tls);
    // (address, extra certificates, accept any, outcome)
    for (url, roots, any, expected) in [
        (&by_name, vec![], false, tls),
        (&by_name, vec![pem.clone()], false, Ok(())),
        (&by_number, vec![pem.clone()], false, tls),
        (&by_name, vec![], true, Ok(())),
        (&by_number, vec![], true, Ok(())),
    ] {
        let config = Config {
            retry: RetryPolicy::none(),
            extra_root_certificates: roots,
            danger_accept_any_certificate: any,
            ..Config::new(url.as_str(), Token::new("s3cret"))
        };
        let outcome = Client::new(config).unwrap().sections().await;
        assert_eq!(outcome.map(|_| ()).map_err(|error| error.kind()), expected, "{url} {any}");
    }
}
