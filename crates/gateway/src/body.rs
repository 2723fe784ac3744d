//! A request's body in full, within its caps.

use crate::{Error, Gateway};
use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use std::{sync::Arc, time::Duration};
use vg_core::Kind;

/// The bytes of a body.
#[derive(Debug)]
pub(crate) struct Whole(pub(crate) Bytes);

impl FromRequest<Arc<Gateway>> for Whole {
    type Rejection = Error;

    async fn from_request(request: Request, gateway: &Arc<Gateway>) -> Result<Self, Error> {
        let most = gateway.limits.body_bytes;
        let body = Limited::new(request.into_body(), most).collect();
        match in_time(gateway.limits.body_wait, body).await? {
            Ok(body) => Ok(Whole(body.to_bytes())),
            Err(error) if error.is::<LengthLimitError>() => Err(too_large(most)),
            Err(_) => Err(Error::bad_request("the body broke off")),
        }
    }
}

/// What `reading` gives, if the client sends its body in time.
///
/// # Errors
/// When it does not.
pub(crate) async fn in_time<T>(wait: Duration, reading: impl Future<Output = T>) -> Result<T, Error> {
    let late = |_| Error::bad_request("the body did not come in time").with_status(408);
    tokio::time::timeout(wait, reading).await.map_err(late)
}

fn too_large(most: usize) -> Error {
    Error::new(Kind::BadRequest, format!("the body is larger than {most} bytes")).with_status(413)
}
