//! Containers of Docker, or of whatever speaks its Engine API, over its unix socket: which run, and when that changes.
//!
//! Asks three things: the list, one container, the stream of events. Never changes anything. Whoever may write to the
//! socket is root on the machine, so mount it read-only only for form's sake: the gateway is trusted with it.
//!
//! Source: Docker Engine API v1.41, `ContainerList`, `ContainerInspect`, `SystemEvents`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde_json::json;
use tokio::net::UnixStream;

use super::{Answer, Error, Found, Source};

/// Labels that Compose puts on what it makes.
const PROJECT: &str = "com.docker.compose.project";
const SERVICE: &str = "com.docker.compose.service";

/// A thousand containers with many labels are a few megabytes.
const MAX_ANSWER_BYTES: usize = 32 << 20;
/// For one answer that is not the stream of events.
const ANSWER: Duration = Duration::from_secs(10);

/// Which containers are meant. All that is given must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Select {
    /// The Compose project.
    pub project: Option<String>,
    /// Services of it; none is all.
    pub services: Vec<String>,
    /// `key=value`, or `key` for whatever value.
    pub labels: Vec<String>,
}

impl Select {
    /// As the API's `filters`: labels are "and", so services, being "or", are looked at here.
    fn filters(&self) -> String {
        let project = self.project.iter().map(|project| format!("{PROJECT}={project}"));
        let labels: Vec<_> = project.chain(self.labels.iter().cloned()).collect();
        let text = json!({"status": ["running"], "label": labels}).to_string();
        text.bytes()
            .map(
                |byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") },
            )
            .collect()
    }

    fn takes(&self, labels: &BTreeMap<String, String>) -> bool {
        self.services.is_empty() || labels.get(SERVICE).is_some_and(|service| self.services.contains(service))
    }
}

/// A Docker daemon.
#[derive(Debug)]
pub struct Docker {
    socket: PathBuf,
    select: Select,
    proc: PathBuf,
    events: Option<Incoming>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    id: String,
    #[serde(default)]
    labels: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Inspected {
    name: String,
    state: State,
    host_config: HostConfig,
    #[serde(default)]
    config: Config,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct State {
    running: bool,
    pid: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HostConfig {
    network_mode: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Config {
    #[serde(default)]
    image: String,
}

impl Docker {
    /// Nothing is asked yet.
    #[must_use]
    pub fn new(socket: PathBuf, select: Select) -> Self {
        Self { socket, select, proc: "/proc".into(), events: None }
    }

    async fn open(&self, path: &str) -> Result<hyper::Response<Incoming>, Error> {
        let http = |source: Box<dyn std::error::Error + Send + Sync>| Error::Http {
            socket: self.socket.clone(),
            path: path.to_owned(),
            source,
        };
        let stream = UnixStream::connect(&self.socket)
            .await
            .map_err(|source| Error::Connect { socket: self.socket.clone(), source })?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|e| http(e.into()))?;
        // Ends with the answer, or when the sender and the body have been dropped.
        tokio::spawn(connection);
        let request = Request::get(path).header("host", "docker").body(Empty::<Bytes>::new());
        let request = request.map_err(|e| http(e.into()))?;
        let response = sender.send_request(request).await.map_err(|e| http(e.into()))?;
        match response.status() {
            StatusCode::OK => Ok(response),
            status => {
                let (socket, path, status) = (self.socket.clone(), path.to_owned(), status.as_u16());
                Err(Error::Refused { socket, path, status })
            }
        }
    }

    async fn ask<T: for<'a> Deserialize<'a>>(&self, path: &str) -> Result<T, Error> {
        let http = |source: Box<dyn std::error::Error + Send + Sync>| Error::Http {
            socket: self.socket.clone(),
            path: path.to_owned(),
            source,
        };
        let whole = async {
            let body = Limited::new(self.open(path).await?.into_body(), MAX_ANSWER_BYTES);
            Ok(body.collect().await.map_err(http)?.to_bytes())
        };
        let bytes = tokio::time::timeout(ANSWER, whole).await.map_err(|e| http(e.into()))??;
        serde_json::from_slice(&bytes).map_err(|source| {
            let (socket, path) = (self.socket.clone(), path.to_owned());
            Error::Answer { socket, path, source }
        })
    }

    async fn running(&self) -> Result<Vec<Found>, Error> {
        let listed: Vec<Listed> = self.ask(&format!("/containers/json?filters={}", self.select.filters())).await?;
        let mut found = Vec::new();
        for one in listed {
            let labels = one.labels.unwrap_or_default();
            if !self.select.takes(&labels) {
                continue;
            }
            match self.ask::<Inspected>(&format!("/containers/{}/json", one.id)).await {
                Ok(inspected) => found.extend(self.found(&inspected, labels)),
                // It has ended since the list was made.
                Err(Error::Refused { status: 404, .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }

    /// `None` for what has ended since: its process cannot be looked at any more.
    fn found(&self, inspected: &Inspected, mut labels: BTreeMap<String, String>) -> Option<Found> {
        let Inspected { name, state, host_config, config } = inspected;
        if !state.running || state.pid == 0 {
            return None;
        }
        let cgroup = match super::cgroup_of(&self.proc, state.pid) {
            Ok(cgroup) => cgroup,
            Err(error) => {
                if Path::new(&self.proc).join(state.pid.to_string()).exists() {
                    tracing::error!(container = name, error = %crate::model::error_chain(&error), "NOT CAPTURED");
                }
                return None;
            }
        };
        labels.insert("image".to_owned(), config.image.clone());
        Some(Found {
            name: name.trim_start_matches('/').to_owned(),
            pid: state.pid,
            cgroup,
            host_network: host_config.network_mode == "host",
            labels,
        })
    }

    /// Waits for one more piece of the stream: a line or a part of one, either is reason to look.
    async fn event(&mut self) -> Result<(), Error> {
        let path = "/events?filters=%7B%22type%22%3A%5B%22container%22%5D%2C%22event%22%3A%5B%22start%22%2C%22die%22%2C%22restart%22%5D%7D";
        let Some(body) = &mut self.events else {
            self.events = Some(self.open(path).await?.into_body());
            // What happened before the stream was open was not told.
            return Ok(());
        };
        match body.frame().await {
            Some(Ok(_)) => Ok(()),
            ended => {
                self.events = None;
                let source: Box<dyn std::error::Error + Send + Sync> = match ended {
                    Some(Err(error)) => error.into(),
                    _ => "the stream has ended".into(),
                };
                Err(Error::Http { socket: self.socket.clone(), path: path.to_owned(), source })
            }
        }
    }
}

impl Source for Docker {
    fn list(&self) -> Answer<'_, Vec<Found>> {
        Box::pin(self.running())
    }

    fn changed(&mut self) -> Answer<'_, ()> {
        Box::pin(self.event())
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::UnixListener;

    use super::*;

    fn select() -> Select {
        Select { project: Some("sure".into()), services: vec!["web".into()], labels: vec!["a=b".into()] }
    }

    /// Answers like the Engine: this process is the container, one of its lists is a service that is not asked for.
    fn engine(directory: &Path) -> PathBuf {
        let socket = directory.join("docker.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                tokio::spawn(async move {
                    let mut head = Vec::new();
                    while !head.ends_with(b"\r\n\r\n") {
                        head.push(stream.read_u8().await.unwrap());
                    }
                    let head = String::from_utf8(head).unwrap();
                    let (status, body) = answer(head.split(' ').nth(1).unwrap());
                    let text = format!("HTTP/1.1 {status} x\r\ncontent-length: {}\r\n\r\n{body}", body.len());
                    stream.write_all(text.as_bytes()).await.unwrap();
                });
            }
        });
        socket
    }

    fn answer(path: &str) -> (u16, String) {
        let web = json!({PROJECT: "sure", SERVICE: "web"});
        let db = json!({PROJECT: "sure", SERVICE: "db"});
        if path.starts_with("/containers/json") {
            assert!(path.contains("com%2Edocker%2Ecompose%2Eproject%3Dsure"), "{path}");
            assert!(path.contains("a%3Db") && path.contains("running"), "{path}");
            let list = json!([{"Id": "w", "Labels": web}, {"Id": "d", "Labels": db}, {"Id": "gone", "Labels": web}]);
            return (200, list.to_string());
        }
        match path {
            "/containers/w/json" => {
                let state = json!({"Running": true, "Pid": std::process::id()});
                let host = json!({"NetworkMode": "sure_net"});
                let inspected =
                    json!({"Name": "/sure-web-1", "State": state, "HostConfig": host, "Config": {"Image": "sure"}});
                (200, inspected.to_string())
            }
            _ => (404, "{}".into()),
        }
    }

    #[tokio::test]
    async fn only_running_containers_of_the_services_asked_for_are_found() {
        let directory = tempfile::tempdir().unwrap();
        let mut docker = Docker::new(engine(directory.path()), select());
        // This process may be in the root of the hierarchy: the cgroup is then another test's subject.
        let proc = directory.path().join("proc");
        let pid = std::process::id();
        std::fs::create_dir_all(proc.join(pid.to_string())).unwrap();
        std::fs::write(proc.join(format!("{pid}/cgroup")), "0::/docker/w\n").unwrap();
        docker.proc = proc;
        let found = docker.running().await.unwrap();
        let [one] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!((one.name.as_str(), one.pid), ("sure-web-1", pid));
        assert_eq!(one.cgroup, Path::new("docker/w"));
        assert!(!one.host_network);
        assert_eq!(one.labels["image"], "sure");
    }

    #[tokio::test]
    async fn a_runtime_that_is_away_is_an_error_that_names_its_socket() {
        let docker = Docker::new("/no/such.sock".into(), Select::default());
        let error = docker.running().await.unwrap_err();
        assert!(error.to_string().contains("/no/such.sock"), "{error}");
    }
}
