//! `cargo xtask e2e -k VERSION`: the end-to-end tests on another kernel, in a virtual machine of software.
//!
//! The kernel is Debian's package of that version, fetched and unpacked, never installed. The guest's root is this machine's own file
//! system, shown read-only over 9p with a layer of memory above it: the runner, the binaries and every client are the same, at
//! the same paths. The guest has no network. What it says on its serial console is shown as it comes and counted as the output of
//! any other runner; a guest that ends without saying how it ended has failed.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::command::Cmd;
use crate::suite::{self, Count};
use crate::workspace;

/// What shows that the object loads and steers: nothing in these needs an engine of containers or a foreign language but Python.
const CORE: &[&str] = &["datapath::", "targets::", "seatbelt::", "dns::", "socket::", "quic::", "privileges::"];
/// A core case without one of these fails.
const REQUIRED: &str = "root,namespaces,bpf,cgroupv2,ipv6,pipelock,python3,bpftool";
/// After this, in seconds, the guest is ended.
const LIMIT_SECONDS: u32 = 2 * 60 * 60;
/// Loaded before the root is there, and nothing after it: what reaches the root, and what the tests ask the kernel for. The order is
/// that of need; what these depend on comes by itself.
const MODULES: &[&str] =
    &["virtio_pci", "9pnet_virtio", "9p", "overlay", "veth", "tcp_diag", "udp_diag", "sch_ingress", "cls_bpf"];
/// How the guest's last line begins.
const ENDED: &str = "guest: ended with ";

/// Runs the core cases, or those of a filter, on the newest kernel of a version that the package lists name.
///
/// # Errors
/// When there is no such kernel, it cannot be fetched, or the guest cannot be started; failed tests are in the count.
pub(crate) fn run(version: &str, filter: &str, runner: &Cmd) -> Result<Count> {
    if std::env::consts::ARCH != "x86_64" {
        bail!("kernels are booted on x86_64 only");
    }
    let kernel = Kernel::fetch(version)?;
    let image = kernel.initramfs(&second_stage(filter, runner))?;
    boot(&kernel, &image)
}

/// An unpacked package of a kernel.
struct Kernel {
    release: String,
    at: PathBuf,
}

impl Kernel {
    /// The newest package of a version: `6.1` is the newest 6.1.
    fn fetch(version: &str) -> Result<Self> {
        let prefix = format!("linux-image-{version}");
        let names = Cmd::new("apt-cache").arg("pkgnames").arg(&prefix).stdout()?;
        let package = newest(names.lines(), &prefix).with_context(|| {
            format!("no package of a kernel {version} is known: apt-get update, or another version")
        })?;
        let kernels = workspace::target_dir().join("e2e/kernels");
        let at = kernels.join(package);
        let release = package.trim_start_matches("linux-image-").to_owned();
        let kernel = Self { release, at };
        if kernel.image().exists() {
            return Ok(kernel);
        }
        // Unpacked elsewhere first: an interrupted one is begun anew.
        let part = kernels.join("part");
        let _ = fs::remove_dir_all(&part);
        fs::create_dir_all(&part).with_context(|| format!("making {}", part.display()))?;
        let fetch =
            Cmd::new("env").arg("-C").arg(&part).args(["apt-get", "download", "-o", "Acquire::Retries=3", package]);
        println!("\n==> {fetch}");
        fetch.run()?;
        let archive = files(&part)?.into_iter().next().context("apt-get left no package")?;
        Cmd::new("dpkg-deb").arg("--extract").arg(&archive).arg(part.join("root")).run()?;
        fs::rename(part.join("root"), &kernel.at).with_context(|| format!("making {}", kernel.at.display()))?;
        fs::remove_dir_all(&part).with_context(|| format!("removing {}", part.display()))?;
        Ok(kernel)
    }

    fn image(&self) -> PathBuf {
        self.at.join("boot").join(format!("vmlinuz-{}", self.release))
    }

    /// The first root: a shell, the modules, and two scripts.
    fn initramfs(&self, second_stage: &str) -> Result<PathBuf> {
        let root = self.at.join("initramfs");
        let _ = fs::remove_dir_all(&root);
        for directory in ["bin", "modules"] {
            fs::create_dir_all(root.join(directory)).with_context(|| format!("making {}", root.display()))?;
        }
        let busybox =
            workspace::find_program("busybox").context("busybox is missing: apt-get install busybox-static")?;
        fs::copy(&busybox, root.join("bin/busybox")).context("copying busybox")?;
        for (name, script) in [("init", FIRST_STAGE), ("second", second_stage)] {
            let path = root.join(name);
            fs::write(&path, script).with_context(|| format!("writing {}", path.display()))?;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).context("making a script executable")?;
        }
        for (number, (name, bytes)) in self.modules()?.into_iter().enumerate() {
            fs::write(root.join(format!("modules/{number:02}-{name}.ko")), bytes).context("writing a module")?;
        }
        let image = self.at.join("initramfs.gz");
        let pack = "set -e; cd \"$1\"; find . | busybox cpio -o -H newc 2>/dev/null | gzip -1 > \"$2\"";
        Cmd::new("sh").args(["-c", pack, "sh"]).arg(&root).arg(&image).run()?;
        Ok(image)
    }

    /// [`MODULES`] and what they depend on, each after what it needs; those that are built in are left out.
    fn modules(&self) -> Result<Vec<(String, Vec<u8>)>> {
        let root = self.at.join("lib/modules").join(&self.release);
        let all = files(&root.join("kernel"))?;
        let builtin = fs::read_to_string(root.join("modules.builtin")).context("reading modules.builtin")?;
        let builtin: BTreeSet<String> = builtin.lines().map(|line| module_name(Path::new(line))).collect();
        let mut seen = BTreeSet::new();
        let mut ordered = Vec::new();
        for name in MODULES {
            add_module(name, &all, &builtin, &mut seen, &mut ordered)?;
        }
        Ok(ordered)
    }
}

fn add_module(
    name: &str,
    all: &[PathBuf],
    builtin: &BTreeSet<String>,
    seen: &mut BTreeSet<String>,
    ordered: &mut Vec<(String, Vec<u8>)>,
) -> Result<()> {
    if builtin.contains(name) || !seen.insert(name.to_owned()) {
        return Ok(());
    }
    let file = all.iter().find(|file| module_name(file) == name);
    let file = file.with_context(|| format!("the kernel has no module {name}"))?;
    let bytes = if file.extension().is_some_and(|kind| kind == "xz") {
        Cmd::new("xz").args(["--decompress", "--stdout"]).arg(file).output()?.stdout
    } else {
        fs::read(file).with_context(|| format!("reading {}", file.display()))?
    };
    for needed in depends(&bytes) {
        add_module(&needed, all, builtin, seen, ordered)?;
    }
    ordered.push((name.to_owned(), bytes));
    Ok(())
}

/// `kernel/net/9p/9pnet.ko.xz` is `9pnet`; a hyphen in a file's name is an underscore in the module's.
fn module_name(file: &Path) -> String {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    name.split('.').next().unwrap_or_default().replace('-', "_")
}

/// What a module says it needs: `depends=a,b` among the strings of its section `.modinfo`.
fn depends(module: &[u8]) -> Vec<String> {
    let line = module.split(|byte| *byte == 0).find_map(|text| text.strip_prefix(b"depends="));
    let line = String::from_utf8_lossy(line.unwrap_or_default());
    line.split(',').filter(|name| !name.is_empty()).map(|name| name.replace('-', "_")).collect()
}

/// The package of the highest version among the plain ones: not of the cloud, not real-time, not of symbols.
fn newest<'a>(names: impl Iterator<Item = &'a str>, prefix: &str) -> Option<&'a str> {
    let numbers = |name: &str| -> Vec<u64> {
        name.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse().ok()).collect()
    };
    names
        .filter_map(|name| {
            let rest = name.strip_prefix(prefix)?.strip_suffix("-amd64")?;
            let plain = !rest.is_empty()
                && !rest.starts_with(|c: char| c.is_ascii_digit())
                && !["cloud", "rt", "rc"].iter().any(|word| rest.split(['-', '~']).any(|part| part.starts_with(word)));
            plain.then_some((numbers(rest), name))
        })
        .max()
        .map(|(_, name)| name)
}

/// Every file below a directory.
fn files(directory: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut open = vec![directory.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(&directory).with_context(|| format!("reading {}", directory.display()))? {
            let entry = entry.with_context(|| format!("reading {}", directory.display()))?;
            let kind = entry.file_type().context("asking for the type of a file")?;
            if kind.is_dir() { open.push(entry.path()) } else { found.push(entry.path()) }
        }
    }
    Ok(found)
}

/// The guest's first process until its root is there.
const FIRST_STAGE: &str = r#"#!/bin/busybox sh
b=/bin/busybox
fail() { echo "guest: $1"; $b poweroff -f; }
$b mkdir -p /proc /dev /lower /upper /root
$b mount -t proc proc /proc
$b mount -t devtmpfs dev /dev
for module in /modules/*.ko; do $b insmod "$module" || fail "$module cannot be loaded"; done
$b mount -t 9p -o ro,trans=virtio,version=9p2000.L,cache=loose,msize=524288 host /lower || fail "no root"
$b mount -t tmpfs -o mode=755 layer /upper
$b mkdir /upper/above /upper/work
$b mount -t overlay -o lowerdir=/lower,upperdir=/upper/above,workdir=/upper/work root /root || fail "no layer"
cd /root
$b mount -t proc proc proc
$b mount -t sysfs sys sys
$b mount -t devtmpfs dev dev
$b mkdir -p dev/pts dev/shm
$b mount -t devpts devpts dev/pts
for memory in dev/shm tmp run; do $b mount -t tmpfs -o mode=1777 memory "$memory"; done
$b mount -t cgroup2 cgroup sys/fs/cgroup || fail "no cgroup v2"
$b mount -t bpf bpf sys/fs/bpf || fail "no BPF file system"
$b mount -t debugfs debug sys/kernel/debug
$b cp /second second
$b umount /proc
exec $b switch_root /root /second
"#;

/// What runs in the root: the runner once for each subject, and the end.
fn second_stage(filter: &str, runner: &Cmd) -> String {
    let subjects: Vec<&str> = if filter.is_empty() { CORE.to_vec() } else { vec![filter] };
    let required = if filter.is_empty() { REQUIRED } else { "" };
    let path = quoted(&std::env::var("PATH").unwrap_or_default());
    let root = quoted(&workspace::root().to_string_lossy());
    let run = |subject: &&str| format!("{} 2>&1 || status=$?\n", runner.clone().args(["--test-threads=1", subject]));
    let runs: String = subjects.iter().map(run).collect();
    format!(
        "#!/bin/sh\n\
         export PATH={path} HOME=/tmp LANG=C.UTF-8\n\
         export PIPELOCK_REQUIRE={required}\n\
         cd {root}\n\
         ip link set lo up\n\
         echo \"guest: Linux $(uname -r), $(uname -v)\"\n\
         status=0\n\
         {runs}\
         echo \"{ENDED}$status after $(cut -d' ' -f1 /proc/uptime) s\"\n\
         sync\n\
         exec busybox poweroff -f\n"
    )
}

fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

fn boot(kernel: &Kernel, initramfs: &Path) -> Result<Count> {
    let machine = Cmd::new("timeout")
        .arg(LIMIT_SECONDS.to_string())
        .args(["qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", "2048"])
        .args(["-nodefaults", "-no-reboot", "-display", "none", "-serial", "stdio"])
        .args(["-virtfs", "local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap"])
        .arg("-kernel")
        .arg(kernel.image())
        .arg("-initrd")
        .arg(initramfs)
        .args(["-append", "console=ttyS0 rdinit=/init panic=-1 loglevel=4 mitigations=off"]);
    println!("\n==> {machine}");
    let mut count = Count::default();
    let mut ended = None;
    let status = machine.tee(&mut std::io::stdout(), |line| {
        let line = line.trim_end_matches('\r');
        count += suite::summary(line).unwrap_or_default();
        ended = ended.take().or_else(|| line.strip_prefix(ENDED).map(str::to_owned));
    })?;
    if let Some(ended) = ended {
        println!("guest with Linux {} ended with {ended}", kernel.release);
    } else {
        eprintln!("xtask: the guest did not say how it ended ({status}); its last lines are above");
        count.failed += 1;
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_plain_kernel_of_a_version_is_taken() {
        let names = [
            "linux-image-6.1.0-9-amd64",
            "linux-image-6.1.0-56-amd64",
            "linux-image-6.1.0-56-amd64-dbg",
            "linux-image-6.1.0-57-amd64-unsigned",
            "linux-image-6.1.0-56-cloud-amd64",
            "linux-image-6.1.0-56-rt-amd64",
            "linux-image-6.12-amd64",
            "linux-image-6.12.9+deb12-amd64",
            "linux-image-6.12.117+deb12-amd64",
        ];
        let of = |version: &str| newest(names.iter().copied(), &format!("linux-image-{version}"));
        assert_eq!(of("6.1"), Some("linux-image-6.1.0-56-amd64"));
        assert_eq!(of("6.12"), Some("linux-image-6.12.117+deb12-amd64"));
        assert_eq!(of("6.12.9"), Some("linux-image-6.12.9+deb12-amd64"));
        assert_eq!(of("5.15"), None);
    }

    #[test]
    fn what_a_module_depends_on_is_read_from_its_strings() {
        let module = b"\x7fELF\0license=GPL\0depends=9pnet,fs-cache\0retpoline=Y\0";
        assert_eq!(depends(module), ["9pnet", "fs_cache"]);
        assert!(depends(b"depends=\0").is_empty());
        assert_eq!(module_name(Path::new("kernel/fs/nls/nls-utf8.ko.xz")), "nls_utf8");
    }

    #[test]
    fn the_guest_runs_each_subject_and_tells_how_it_ended() {
        let script = second_stage("", &Cmd::new("/x/e2e").env("PIPELOCK_BIN", "/x/pipe lock"));
        for subject in CORE {
            assert!(script.contains(&format!("'/x/pipe lock' /x/e2e --test-threads=1 {subject} 2>&1 ||")), "{script}");
        }
        assert!(script.contains(&format!("PIPELOCK_REQUIRE={REQUIRED}")), "{script}");
        let one = second_stage("steered", &Cmd::new("/x/e2e"));
        assert!(one.contains("/x/e2e --test-threads=1 steered") && !one.contains(CORE[0]), "{one}");
        assert!(Cmd::new("sh").args(["-n", "-c", &script]).succeeds(), "the script is no shell script: {script}");
    }
}
