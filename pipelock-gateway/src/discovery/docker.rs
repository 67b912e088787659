//! Containers of Docker, or of whatever speaks its Engine API, over its unix socket: which run, and when that changes.
//!
//! Asks three things: the list, one container, the stream of events. Never changes anything. The Engine calls a container
//! running only after its program has begun, so one that is being started is found by its cgroup, which carries its id, as
//! soon as its first process is there: the runtime is then still preparing its network. Whoever may write to the
//! socket is root on the machine, so mount it read-only only for form's sake: the gateway is trusted with it.
//!
//! Source: Docker Engine API v1.41, `ContainerList`, `ContainerInspect`, `SystemEvents`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::hierarchy::News;
use super::{Answer, Error, Found, Hierarchy, Labels, Source};

/// Labels that Compose puts on what it makes.
const PROJECT: &str = "com.docker.compose.project";
const SERVICE: &str = "com.docker.compose.service";

/// A thousand containers with many labels are a few megabytes.
const MAX_ANSWER_BYTES: usize = 32 << 20;
/// For one answer that is not the stream of events.
const ANSWER: Duration = Duration::from_secs(10);

/// A cgroup has been made, and the first process comes in a moment that nothing announces.
const SOON: Duration = Duration::from_millis(5);
/// A cgroup that is still empty after this is not one of a container that is being started.
const STARTS_WITHIN: Duration = Duration::from_secs(2);
/// Where the Engine makes cgroups unless a container asks otherwise: its cgroupfs driver, and its systemd driver.
const PARENTS: [&str; 2] = ["docker", "system.slice"];

/// Which part of a Compose project is meant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Compose {
    /// The project; none is all.
    pub project: Option<String>,
    /// Services of it; none is all.
    pub services: Vec<String>,
}

impl Compose {
    fn take(&self, labels: &BTreeMap<String, String>) -> bool {
        let is = |key, wanted: &String| labels.get(key) == Some(wanted);
        self.project.as_ref().is_none_or(|project| is(PROJECT, project))
            && (self.services.is_empty() || self.services.iter().any(|service| is(SERVICE, service)))
    }
}

/// A Docker daemon, and which of its containers are meant.
pub struct Docker {
    engine: Engine,
    compose: Compose,
    labels: Labels,
    hierarchy: Hierarchy,
    news: News,
    events: Option<Incoming>,
    /// The first process of each container that was seen, by id.
    seen: BTreeMap<String, u32>,
    /// Cgroups in which containers were found.
    parents: BTreeSet<PathBuf>,
    /// Containers that are being started, and since when their first process is waited for, by id.
    awaited: BTreeMap<String, Instant>,
}

/// Its socket.
struct Engine {
    socket: PathBuf,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    id: String,
    #[serde(default)]
    names: Vec<String>,
    #[serde(default)]
    image: String,
    #[serde(default)]
    labels: Option<BTreeMap<String, String>>,
    #[serde(default)]
    state: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Inspected {
    state: State,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct State {
    running: bool,
    pid: u32,
}

impl Docker {
    /// Nothing is asked yet.
    #[must_use]
    pub fn new(socket: PathBuf, compose: Compose, labels: Labels, hierarchy: Hierarchy) -> Self {
        let news = News::of(hierarchy.root.clone());
        let parents = PARENTS.iter().map(PathBuf::from).collect();
        let (seen, awaited) = (BTreeMap::new(), BTreeMap::new());
        Self { engine: Engine { socket }, compose, labels, hierarchy, news, events: None, seen, parents, awaited }
    }

    async fn look(&mut self) -> Result<Vec<Found>, Error> {
        // Before the list is made, so that nothing is missed between the two. The root tells when a parent is made.
        let wanted = self.parents.iter().cloned().chain([PathBuf::new()]).collect();
        self.news.follow(&wanted);
        let mut listed: Vec<Listed> = self.engine.ask("/containers/json?all=1").await?;
        listed.retain(|one| {
            let labels = one.labels.clone().unwrap_or_default();
            self.compose.take(&labels) && self.labels.take(&labels)
        });
        self.seen.retain(|id, _| listed.iter().any(|one| one.id == *id));
        self.awaited.retain(|id, _| listed.iter().any(|one| one.id == *id));
        let mut found = Vec::new();
        for one in listed {
            found.extend(self.find(&one).await?);
        }
        Ok(found)
    }

    /// A container, if it runs or is about to.
    async fn find(&mut self, listed: &Listed) -> Result<Option<Found>, Error> {
        let Some(pid) = self.first_process(listed).await? else { return Ok(None) };
        self.seen.insert(listed.id.clone(), pid);
        // Without a name it is being made or removed.
        let Some(name) = listed.names.first().map(|name| name.trim_start_matches('/')) else { return Ok(None) };
        let Some(mut found) = self.hierarchy.found(name, pid) else { return Ok(None) };
        if let Some(parent) = found.cgroup.as_ref().and_then(|cgroup| cgroup.parent()) {
            self.parents.insert(parent.to_owned());
        }
        found.labels = listed.labels.clone().unwrap_or_default();
        found.labels.insert("image".to_owned(), listed.image.clone());
        Ok(Some(found))
    }

    /// The Engine is asked only about a container that runs and cannot be told by its cgroup: to a question about one that is
    /// being started it answers when that is done.
    async fn first_process(&mut self, listed: &Listed) -> Result<Option<u32>, Error> {
        let known = self.seen.get(&listed.id).copied();
        if known.is_some_and(|pid| self.hierarchy.netns(pid).is_some()) {
            return Ok(known);
        }
        let cgroup = self.cgroup_named(&listed.id);
        let processes = cgroup.as_ref().map(|cgroup| self.hierarchy.processes(cgroup)).unwrap_or_default();
        if let Some(first) = processes.into_iter().find(|pid| self.hierarchy.is_init(*pid)) {
            self.awaited.remove(&listed.id);
            return Ok(Some(first));
        }
        if !matches!(listed.state.as_str(), "running" | "paused" | "restarting") {
            if cgroup.is_some() {
                self.awaited.entry(listed.id.clone()).or_insert_with(Instant::now);
            } else {
                // Without a cgroup it is not being started.
                self.awaited.remove(&listed.id);
            }
            return Ok(None);
        }
        match self.engine.ask::<Inspected>(&format!("/containers/{}/json", listed.id)).await {
            Ok(Inspected { state }) => Ok((state.running && state.pid != 0).then_some(state.pid)),
            // It has been removed since the list was made.
            Err(Error::Refused { status: 404, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The cgroup that carries this id, by either driver's custom.
    fn cgroup_named(&self, id: &str) -> Option<PathBuf> {
        let names = [id.to_owned(), format!("docker-{id}.scope")];
        let places = self.parents.iter().flat_map(|parent| names.iter().map(move |name| parent.join(name)));
        places.into_iter().find(|path| self.hierarchy.root.join(path).is_dir())
    }
}

impl Engine {
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

    /// Waits for one more piece of the stream: a line or a part of one, either is reason to look.
    async fn event(&self, events: &mut Option<Incoming>) -> Result<(), Error> {
        let path = "/events?filters=%7B%22type%22%3A%5B%22container%22%5D%2C%22event%22%3A%5B%22start%22%2C%22die%22%2C%22restart%22%5D%7D";
        let Some(body) = events else {
            *events = Some(self.open(path).await?.into_body());
            // What happened before the stream was open was not told.
            return Ok(());
        };
        match body.frame().await {
            Some(Ok(_)) => Ok(()),
            ended => {
                *events = None;
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
    fn list(&mut self) -> Answer<'_, Vec<Found>> {
        Box::pin(self.look())
    }

    fn changed(&mut self) -> Answer<'_, ()> {
        Box::pin(async {
            let soon = self.awaited.values().any(|since| since.elapsed() < STARTS_WITHIN);
            let told = async {
                tokio::select! {
                    told = self.engine.event(&mut self.events) => told,
                    () = self.news.next() => Ok(()),
                }
            };
            if soon { timeout(SOON, told).await.unwrap_or(Ok(())) } else { told.await }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::json;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::UnixListener;

    use super::*;

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
        let labels = |service| json!({PROJECT: "sure", SERVICE: service, "a": "b"});
        let of = |id: &str, name: &str, service, state| json!({"Id": id, "Names": [name], "Image": "sure", "Labels": labels(service), "State": state});
        match path {
            "/containers/json?all=1" => {
                let list = json!([
                    of("w", "/sure-web-1", "web", "running"),
                    of("d", "/sure-db-1", "db", "running"),
                    of("gone", "/sure-web-3", "web", "running"),
                    of("new", "/sure-web-2", "web", "created"),
                    of("idle", "/sure-web-4", "web", "exited"),
                ]);
                (200, list.to_string())
            }
            "/containers/w/json" => (200, json!({"State": {"Running": true, "Pid": std::process::id()}}).to_string()),
            _ => (404, "{}".into()),
        }
    }

    /// A hierarchy in which this process is in the cgroup of each container.
    fn hierarchy(directory: &Path) -> Hierarchy {
        let pid = std::process::id().to_string();
        let (root, proc) = (directory.join("cgroup"), directory.join("proc"));
        std::fs::create_dir_all(root.join("system.slice/elsewhere")).unwrap();
        std::fs::create_dir_all(root.join("docker/new")).unwrap();
        std::fs::write(root.join("docker/new/cgroup.procs"), format!("{pid}\n")).unwrap();
        std::fs::create_dir_all(proc.join(&pid).join("ns")).unwrap();
        std::fs::write(proc.join(&pid).join("ns/net"), "").unwrap();
        std::fs::write(proc.join(&pid).join("status"), format!("Name:\tx\nNSpid:\t{pid}\t1\n")).unwrap();
        std::fs::write(proc.join(&pid).join("cgroup"), "0::/docker/new\n").unwrap();
        Hierarchy { root, proc }
    }

    fn docker(directory: &Path) -> Docker {
        let compose = Compose { project: Some("sure".into()), services: vec!["web".into()] };
        let labels = Labels { all: vec!["a=b".into()], none: Vec::new() };
        Docker::new(engine(directory), compose, labels, hierarchy(directory))
    }

    #[tokio::test]
    async fn containers_that_run_or_are_about_to_are_found_and_no_others() {
        let directory = tempfile::tempdir().unwrap();
        let mut docker = docker(directory.path());
        let found = docker.list().await.unwrap();
        let told: Vec<_> = found.iter().map(|one| one.name.as_str()).collect();
        // The first by asking the Engine, having no cgroup that carries its id.
        assert_eq!(told, ["sure-web-1", "sure-web-2"]);
        assert_eq!((found[0].pid, found[0].labels["image"].as_str()), (std::process::id(), "sure"));
        assert_eq!(found[1].cgroup, Some("docker/new".into()));
        assert_eq!(docker.seen.len(), 2);
    }

    #[tokio::test]
    async fn a_container_whose_first_process_has_not_come_is_looked_at_again_soon() {
        let directory = tempfile::tempdir().unwrap();
        let mut docker = docker(directory.path());
        let procs = directory.path().join("cgroup/docker/new/cgroup.procs");
        std::fs::write(&procs, "").unwrap();
        assert_eq!(docker.list().await.unwrap().len(), 1);
        assert!(docker.awaited.contains_key("new"));
        std::fs::write(&procs, format!("{}\n", std::process::id())).unwrap();
        assert_eq!(docker.list().await.unwrap().len(), 2);
        assert!(docker.awaited.is_empty());
    }

    #[tokio::test]
    async fn a_runtime_that_is_away_is_an_error_that_names_its_socket() {
        let hierarchy = Hierarchy::new("/no/such/hierarchy".into());
        let mut docker = Docker::new("/no/such.sock".into(), Compose::default(), Labels::default(), hierarchy);
        let error = docker.list().await.unwrap_err();
        assert!(error.to_string().contains("/no/such.sock"), "{error}");
    }
}
