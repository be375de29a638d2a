//! The floor: takes a hook, makes the same one provider call through the same client, and does nothing else.

use anyhow::Result;
use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use tokio::net::TcpListener;
use tollgate::{
    config,
    outbound::{Outbound, Request, WriteGate, secret_header},
};

/// What Okta is told.
const ANSWER: &str = r#"{"commands":[{"type":"com.okta.telephony.action","value":[{"status":"SUCCESSFUL","provider":"floor","transactionId":"00000000-0000-0000-0000-000000000000"}]}]}"#;

/// What one call needs, made once.
#[derive(Clone)]
struct Floor {
    outbound: Outbound,
    url: url::Url,
    headers: HeaderMap,
    form: Bytes,
}

/// Serves on a free port and prints its address. Each call's form has `body` bytes, as many as the product's.
pub(crate) async fn serve(provider: &str, body: usize) -> Result<()> {
    let url = format!(
        "http://{provider}/2010-04-01/Accounts/AC00000000000000000000000000000001/Messages.json"
    );
    let mut headers = HeaderMap::new();
    let form = HeaderValue::from_static("application/x-www-form-urlencoded");
    headers.insert(header::CONTENT_TYPE, form);
    let basic = secret_header("Basic QUMwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMTp0b2tlbg==");
    headers.extend(basic.map(|value| (header::AUTHORIZATION, value)));
    let floor = Floor {
        outbound: Outbound::new(&config::outbound::Outbound::default(), None)?,
        url: url.parse()?,
        headers,
        form: form_of(body),
    };
    let router = Router::new()
        .route("/okta/{tenant}/telephony", post(hook))
        .with_state(floor);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    axum::serve(listener, router).await?;
    Ok(())
}

async fn hook(State(floor): State<Floor>, _: Bytes) -> Response {
    let request = Request {
        method: Method::POST,
        url: floor.url,
        headers: floor.headers,
        body: floor.form,
    };
    let json = HeaderValue::from_static("application/json");
    match floor.outbound.call(request, &WriteGate::default()).await {
        Ok(taken) if taken.status.is_success() => {
            ([(header::CONTENT_TYPE, json)], ANSWER).into_response()
        }
        Ok(_) | Err(_) => StatusCode::BAD_GATEWAY.into_response(),
    }
}

/// A message's form, filled up to `length` bytes.
fn form_of(length: usize) -> Bytes {
    let mut form =
        "To=%2B447400000000&From=%2B15005550006&ValidityPeriod=295&Body=Your+code+is+482913"
            .to_owned();
    while form.len() < length {
        form.push('x');
    }
    form.into()
}
