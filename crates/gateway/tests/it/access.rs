//! Who is let in, and what those who are not are told.

use crate::server::TestServer;

#[tokio::test]
async fn health_is_public() {
    let server = TestServer::open().await;
    let answer = server.get("/health", None).await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        (answer.json()["status"].as_str(), answer.json()["version"].as_str()),
        (Some("ok"), Some("1.2.3"))
    );
}

#[tokio::test]
async fn endpoints_not_offered_are_told_promptly() {
    let server = TestServer::open().await;
    for path in ["/v1/bargein", "/v1/eot", "/v1/realtime?model=x", "/v1/live/sessions", "/v1//eot"] {
        let answer = server.get(path, None).await;
        assert_eq!(answer.status, 404, "{path}");
        let body = answer.json();
        assert_eq!(body["type"], "not_found");
        assert_eq!(body["details"]["method"], "GET");
    }
    for path in ["/v1/decisions", "/v1/avatar/sessions", "/v1/avatar/sessions/terminate"] {
        assert_eq!(server.ask("POST", path, &[], "{}").await.status, 404, "{path}");
    }
    assert_eq!(server.ask("POST", "/health", &[], "").await.status, 405);
}

#[tokio::test]
async fn a_server_that_drains_says_so_and_ends() {
    let mut server = TestServer::open().await;
    assert!(server.gateway.is_open().await.unwrap());
    server.stop.take();
    (&mut server.served).await.unwrap().unwrap();
    assert!(tokio::net::TcpStream::connect(server.address).await.is_err());
}
