//! Bodies of `multipart/form-data` (RFC 7578).

use bytes::{BufMut, Bytes, BytesMut};

/// A form as it is written.
#[derive(Debug)]
pub struct Form {
    boundary: String,
    body: BytesMut,
}

impl Form {
    /// An empty form with room for a file of so many bytes, which must not contain the boundary: it is made of a
    /// hash of nothing the caller can know.
    pub fn with_room(bytes: usize) -> Form {
        use std::{collections::hash_map::RandomState, hash::BuildHasher};
        let [one, two] = [RandomState::new(), RandomState::new()].map(|state| state.hash_one(0_u8));
        let boundary = format!("vg{one:016x}{two:016x}");
        Form { boundary, body: BytesMut::with_capacity(bytes + 1024) }
    }

    /// Adds a field.
    pub fn text(&mut self, name: &str, value: &str) {
        self.begin(&format!("form-data; name=\"{}\"", quoted(name)), None);
        self.body.put_slice(value.as_bytes());
        self.body.put_slice(b"\r\n");
    }

    /// Adds a file.
    pub fn file(&mut self, name: &str, file_name: &str, content_type: &str, file: &[u8]) {
        let disposition = format!("form-data; name=\"{}\"; filename=\"{}\"", quoted(name), quoted(file_name));
        self.begin(&disposition, Some(content_type));
        self.body.put_slice(file);
        self.body.put_slice(b"\r\n");
    }

    fn begin(&mut self, disposition: &str, content_type: Option<&str>) {
        let mut head = format!("--{}\r\ncontent-disposition: {disposition}\r\n", self.boundary);
        if let Some(content_type) = content_type {
            let plain: String = content_type.chars().filter(|c| !c.is_control()).collect();
            head.push_str(&format!("content-type: {plain}\r\n"));
        }
        self.body.put_slice(head.as_bytes());
        self.body.put_slice(b"\r\n");
    }

    /// The content type, and the body.
    pub fn finish(mut self) -> (String, Bytes) {
        self.body.put_slice(format!("--{}--\r\n", self.boundary).as_bytes());
        (format!("multipart/form-data; boundary={}", self.boundary), self.body.freeze())
    }
}

/// A name as browsers write it into a header.
fn quoted(name: &str) -> String {
    name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_written_as_browsers_write_it() {
        let mut form = Form::with_room(3);
        form.text("model", "m");
        form.file("file", "a\"b\r\n.wav", "audio/wav", b"RIF");
        let (content_type, body) = form.finish();
        let boundary = content_type.split_once("boundary=").unwrap().1;
        let wanted = format!(
            "--{boundary}\r\ncontent-disposition: form-data; name=\"model\"\r\n\r\nm\r\n--{boundary}\r\n\
             content-disposition: form-data; name=\"file\"; filename=\"a%22b%0D%0A.wav\"\r\n\
             content-type: audio/wav\r\n\r\nRIF\r\n--{boundary}--\r\n"
        );
        assert_eq!(String::from_utf8(body.to_vec()).unwrap(), wanted);
    }
}
