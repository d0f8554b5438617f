//! One `.eml` file a delivery: for a first look, for demos, and where another program takes mail from a folder.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use super::{Attempt, Outgoing, Problem, Transport, Trying};

#[derive(Debug, Clone)]
pub struct DirectoryTransport {
    directory: PathBuf,
}

impl DirectoryTransport {
    /// The folder is made when the first mail is written.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into() }
    }
}

impl Transport for DirectoryTransport {
    fn deliver(&self, mail: Outgoing) -> Trying<'_> {
        let directory = self.directory.clone();
        Box::pin(async move {
            let written = tokio::task::spawn_blocking(move || write(&directory, &mail)).await;
            let why = match written {
                Ok(Ok(())) => return Attempt::Delivered,
                Ok(Err(error)) => format!("cannot write a mail into {}: {error}", self.directory.display()),
                Err(panic) => format!("writing a mail broke off: {panic}"),
            };
            Attempt::Stopped { problem: Problem::Directory, why }
        })
    }
}

/// Under a name that no reader takes, to the disk, then under its own. A crash leaves nothing but a hidden file, and
/// a second try puts the same bytes in the same place.
fn write(directory: &Path, mail: &Outgoing) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    let name = file_name(mail);
    let hidden = directory.join(format!(".{name}.part"));
    let mut file = File::create(&hidden)?;
    file.write_all(&mail.bytes)?;
    file.sync_data()?;
    fs::rename(&hidden, directory.join(name))?;
    File::open(directory)?.sync_all()
}

/// `20260302T050004Z-42-0-SEC-01.eml`: a listing by name is in the order of time.
fn file_name(mail: &Outgoing) -> String {
    let delivery = &mail.delivery;
    let time = delivery.queued.to_jiff().strftime("%Y%m%dT%H%M%SZ");
    let control = delivery.mail.control.as_ref().map(|control| format!("-{}", control.as_str().replace('/', "_")));
    format!("{time}-{}-{}{}.eml", delivery.key.alert, delivery.key.delivery, control.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbox::{Delivery, Destination, Key, tests::mail};
    use std::sync::Arc;

    fn outgoing() -> Outgoing {
        let mut mail = mail();
        mail.control = Some("AVL-01/iris".parse().unwrap());
        let delivery = Delivery {
            key: Key { alert: 42, delivery: 1 },
            to: Destination::Address("a@example.com".into()),
            mail: Arc::new(mail),
            queued: "2026-03-02T05:00:04Z".parse().unwrap(),
        };
        Outgoing { delivery, address: "a@example.com".into(), bytes: Arc::from(&b"Subject: x\r\n\r\ny\r\n"[..]) }
    }

    #[tokio::test]
    async fn a_mail_is_one_file_with_exactly_its_bytes() {
        let directory = tempfile::tempdir().unwrap();
        let folder = directory.path().join("mail");
        let transport = DirectoryTransport::new(&folder);
        for _ in 0..2 {
            assert_eq!(transport.deliver(outgoing()).await, Attempt::Delivered);
        }
        let names: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["20260302T050004Z-42-1-AVL-01_iris.eml"]);
        assert_eq!(fs::read(folder.join(&names[0])).unwrap(), *outgoing().bytes);
    }

    #[tokio::test]
    async fn a_folder_that_cannot_be_written_is_a_problem_and_not_a_refusal() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("file");
        fs::write(&file, "").unwrap();
        let attempt = DirectoryTransport::new(file.join("mail")).deliver(outgoing()).await;
        assert!(matches!(attempt, Attempt::Stopped { problem: Problem::Directory, .. }), "{attempt:?}");
    }
}
