//! What a request brings and an answer gives: JSON, bounded.

use std::time::Duration;

use axum::body::{Body, HttpBody, to_bytes};
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::header::{CONTENT_TYPE, HeaderValue};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::Problem;

/// The longest body of a request, in bytes.
pub const MAX_BODY: usize = 64 * 1_024;
/// How long a body may take to come.
const BODY_PATIENCE: Duration = Duration::from_secs(10);

/// A body of JSON, read and understood.
pub struct Asked<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Asked<T>, Problem> {
        if !is_json(request.headers()) {
            let detail = "the body has to be application/json";
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not-json", detail));
        }
        let bytes = read(request.into_body()).await?;
        let wrong = |e: serde_json::Error| {
            let why = format!("the body: {e}");
            if e.is_data() { Problem::unprocessable(why) } else { Problem::bad_request(why) }
        };
        serde_json::from_slice(&bytes).map(Asked).map_err(wrong)
    }
}

/// A whole body, in time and not too long.
async fn read(body: Body) -> Result<axum::body::Bytes, Problem> {
    let too_large = || {
        let detail = format!("the body is longer than {MAX_BODY} bytes");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", detail)
    };
    if body.size_hint().lower() > MAX_BODY as u64 {
        return Err(too_large());
    }
    let late = |_| {
        let detail = format!("the body did not come within {} s", BODY_PATIENCE.as_secs());
        Problem::new(StatusCode::REQUEST_TIMEOUT, "too-slow", detail)
    };
    let read = timeout(BODY_PATIENCE, to_bytes(body, MAX_BODY)).await.map_err(late)?;
    read.map_err(|_| too_large())
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(Ok(kind)) = headers.get(CONTENT_TYPE).map(HeaderValue::to_str) else { return false };
    let kind = kind.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/json")
}

/// What stands behind the `?`, understood.
pub struct Params<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Params<T>, Problem> {
        let read = Query::<T>::try_from_uri(&parts.uri);
        read.map(|Query(read)| Params(read)).map_err(|e| Problem::bad_request(e.to_string()))
    }
}

/// An answer of JSON, of a status.
pub struct Given<T>(pub StatusCode, pub T);

impl<T: Serialize> IntoResponse for Given<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.1) {
            Ok(text) => {
                let kind = HeaderValue::from_static("application/json");
                (self.0, [(CONTENT_TYPE, kind)], text).into_response()
            }
            Err(error) => {
                let status = StatusCode::INTERNAL_SERVER_ERROR;
                Problem::new(status, "internal", error.to_string()).into_response()
            }
        }
    }
}
