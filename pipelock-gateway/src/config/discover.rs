//! `capture.discover`: whom to ask for what is to be captured, and which of it.

use std::path::PathBuf;

use super::capture::{
    CIDR_BYPASS, DENY_QUIC, DENY_UDP, DNS, FAIL_OPEN_AFTER, MOUNT_BUNDLE, OBSERVE, SEATBELT, Treatment, WHEN_DEAD,
};
use super::error::Error;
use super::reader::{Section, Value};
use super::schema::{Key, Kind, TEXTS};

pub(super) const KEYS: &[Key] = &[
    Key::new(
        "source",
        Kind::Words(&["docker", "cri", "cgroup"]),
        "",
        "Whom to ask: the Docker Engine, the runtime of a Kubernetes node, or the cgroup hierarchy itself. Required.",
    ),
    Key::new(
        "socket",
        Kind::Path,
        "",
        "docker, cri: its unix socket. Without one /var/run/docker.sock, /run/containerd/containerd.sock.",
    ),
    Key::new(
        "nri",
        Kind::Path,
        "",
        "cri: the socket of its Node Resource Interface, such as /var/run/nri/nri.sock. With it a pod that is meant waits until it is captured, and is not started when it cannot be.",
    ),
    Key::new("project", Kind::Text, "", "docker: containers of this Compose project."),
    Key::new("services", TEXTS, "[]", "docker: only these Compose services. Empty: all of them."),
    Key::new(
        "labels",
        TEXTS,
        "[]",
        "docker, cri: only containers or pods with all of these labels, `key=value` or `key`.",
    ),
    Key::new(
        "exclude",
        TEXTS,
        "[]",
        "docker, cri: no container or pod with any of these labels, `key=value` or `key`.",
    ),
    Key::new("namespaces", TEXTS, "[]", "cri: only pods of these Kubernetes namespaces. Empty: all of them."),
    Key::new("annotations", TEXTS, "[]", "cri: only pods with all of these annotations, `key=value` or `key`."),
    Key::new(
        "paths",
        TEXTS,
        "[]",
        "cgroup: paths (v2) below the root of the hierarchy; `*` stands for any text within one name, such as /system.slice/agent-*.service.",
    ),
    CIDR_BYPASS,
    DENY_QUIC,
    DENY_UDP,
    DNS,
    SEATBELT,
    MOUNT_BUNDLE,
    OBSERVE,
    WHEN_DEAD,
    FAIL_OPEN_AFTER,
];

/// Where Docker's socket is, unless it was moved.
const DOCKER: &str = "/var/run/docker.sock";
/// Where containerd's socket is, unless it was moved. CRI-O: `/run/crio/crio.sock`.
const CONTAINERD: &str = "/run/containerd/containerd.sock";

/// One place to ask, which of what it tells is captured, and how. The gateway itself never is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discover {
    /// Whom to ask.
    pub from: DiscoverFrom,
    /// `key=value` or `key`; all must be there.
    pub labels: Vec<String>,
    /// `key=value` or `key`; none may be there.
    pub exclude: Vec<String>,
    /// How what is found is treated.
    pub treatment: Treatment,
}

/// Whom to ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DiscoverFrom {
    /// The Docker Engine.
    Docker {
        /// Its unix socket.
        socket: PathBuf,
        /// Compose project.
        project: Option<String>,
        /// Compose services; none is all.
        services: Vec<String>,
    },
    /// The container runtime of a Kubernetes node.
    Cri {
        /// Its unix socket.
        socket: PathBuf,
        /// The socket of its Node Resource Interface.
        nri: Option<PathBuf>,
        /// Kubernetes namespaces; none is all.
        namespaces: Vec<String>,
        /// `key=value` or `key`; all must be there.
        annotations: Vec<String>,
    },
    /// The cgroup-v2 hierarchy.
    Cgroup {
        /// Below its root, without a leading slash; `*` stands for text without a slash.
        paths: Vec<String>,
    },
}

impl Discover {
    pub(super) fn read(value: &Value<'_>) -> Result<Self, Error> {
        let section = value.section(KEYS)?;
        let source =
            section.field("source").ok_or_else(|| value.incomplete("source is missing; add docker, cri or cgroup"))?;
        let from = match source.word(&["docker", "cri", "cgroup"])? {
            "docker" => Self::docker(&section)?,
            "cri" => Self::cri(&section)?,
            _ => Self::cgroup(&section)?,
        };
        let (labels, exclude) = (texts(&section, "labels")?, texts(&section, "exclude")?);
        let all = match &from {
            DiscoverFrom::Docker { project, services, .. } => project.is_none() && services.is_empty(),
            DiscoverFrom::Cri { namespaces, annotations, .. } => namespaces.is_empty() && annotations.is_empty(),
            DiscoverFrom::Cgroup { .. } => false,
        };
        if all && labels.is_empty() {
            return Err(value.incomplete("selects everything that runs here; add labels, or what else narrows it down"));
        }
        Ok(Self { from, labels, exclude, treatment: Treatment::read(&section)? })
    }

    fn docker(section: &Section<'_>) -> Result<DiscoverFrom, Error> {
        only(section, "docker", &["paths", "namespaces", "annotations", "nri"])?;
        Ok(DiscoverFrom::Docker {
            socket: section.read("socket", PathBuf::from(DOCKER), Value::path)?,
            project: section.read("project", None, |v| Ok(Some(v.text()?.to_owned())))?,
            services: texts(section, "services")?,
        })
    }

    fn cri(section: &Section<'_>) -> Result<DiscoverFrom, Error> {
        only(section, "cri", &["paths", "project", "services"])?;
        Ok(DiscoverFrom::Cri {
            socket: section.read("socket", PathBuf::from(CONTAINERD), Value::path)?,
            nri: section.read("nri", None, |v| v.path().map(Some))?,
            namespaces: texts(section, "namespaces")?,
            annotations: texts(section, "annotations")?,
        })
    }

    fn cgroup(section: &Section<'_>) -> Result<DiscoverFrom, Error> {
        only(
            section,
            "cgroup",
            &["socket", "nri", "project", "services", "labels", "exclude", "namespaces", "annotations"],
        )?;
        let list = section.field("paths").ok_or_else(|| section.value().incomplete("paths is missing; add one"))?;
        let path = |v: &Value<'_>| match v.text()?.trim_matches('/') {
            "" => Err(v.refuse("is the root of the hierarchy, which is everything; name cgroups below it")),
            path if path.split('/').any(|name| matches!(name, "" | "." | "..")) => {
                Err(v.refuse("has a part that is no name; write it without //, . and .."))
            }
            path => Ok(path.to_owned()),
        };
        let paths = list.list()?.iter().map(path).collect::<Result<Vec<_>, _>>()?;
        if paths.is_empty() {
            return Err(list.incomplete("is empty; add one"));
        }
        Ok(DiscoverFrom::Cgroup { paths })
    }
}

/// A key of another source is a mistake about what is captured, so it is not passed over.
fn only(section: &Section<'_>, source: &str, others: &[&str]) -> Result<(), Error> {
    match others.iter().find_map(|key| section.field(key)) {
        Some(stray) => Err(stray.incomplete(format!("has no meaning with source: {source}; remove it"))),
        None => Ok(()),
    }
}

fn texts(section: &Section<'_>, key: &str) -> Result<Vec<String>, Error> {
    section.read(key, Vec::new(), |v| v.list()?.iter().map(|text| Ok(text.text()?.to_owned())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Capture, Config, ConfigSource};

    fn read(entry: &str) -> Result<Capture, String> {
        let text = format!("version: 1\ncapture:\n  discover:\n    - {entry}\n");
        let source = ConfigSource::File { path: "pipelock.yaml".into(), sha256: String::new() };
        Config::parse(&text, "pipelock.yaml".as_ref(), source)
            .map(|(config, _)| config.capture)
            .map_err(|e| e.to_string())
    }

    #[test]
    fn what_is_selected_is_said_and_never_everything_by_accident() {
        for (entry, wrong) in [
            ("{source: docker}", "selects everything"),
            ("{source: docker, exclude: [a]}", "selects everything"),
            ("{source: cri, exclude: [a]}", "selects everything"),
            ("{source: cri, labels: [a], project: sure}", "has no meaning with source: cri"),
            ("{project: sure}", "source is missing"),
            ("{source: podman, project: sure}", "podman"),
            ("{source: docker, project: sure, nri: /run/nri.sock}", "has no meaning with source: docker"),
            ("{source: docker, project: sure, paths: [/a]}", "has no meaning with source: docker"),
            ("{source: cgroup, paths: [/a], labels: [b]}", "has no meaning with source: cgroup"),
            ("{source: cgroup}", "paths is missing"),
            ("{source: cgroup, paths: []}", "is empty"),
            ("{source: cgroup, paths: [/]}", "is the root of the hierarchy"),
            ("{source: cgroup, paths: [/a/../b]}", "no name"),
            ("{source: docker, project: sure, when_dead: direct, fail_open_after: 1s}", "shorter than 2s"),
        ] {
            let error = read(entry).unwrap_err();
            assert!(error.contains(wrong), "{entry}: {error}");
        }
    }

    #[test]
    fn a_compose_project_and_services_of_a_machine_are_read() {
        let capture = read("{source: docker, project: sure, services: [web], exclude: [a=b], deny_udp: true}").unwrap();
        let [one] = capture.discover.as_slice() else { panic!("{capture:?}") };
        let from = DiscoverFrom::Docker {
            socket: "/var/run/docker.sock".into(),
            project: Some("sure".into()),
            services: vec!["web".into()],
        };
        assert_eq!((&one.from, one.exclude.as_slice()), (&from, &["a=b".to_owned()][..]));
        assert!(one.treatment.deny_udp && !capture.is_empty());
        let capture = read("{source: cgroup, paths: [/system.slice/agent-*.service, other]}").unwrap();
        let paths = vec!["system.slice/agent-*.service".to_owned(), "other".to_owned()];
        assert_eq!(capture.discover[0].from, DiscoverFrom::Cgroup { paths });
    }
}
