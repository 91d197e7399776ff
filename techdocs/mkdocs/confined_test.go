package mkdocs_test

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/techdocs"
	"github.com/portico-dev/portico/techdocs/mkdocs"
)

// hooked is a site whose hook runs Python before the build, and prints what it finds.
func hooked(python string) map[string]string {
	body := "    " + strings.ReplaceAll(strings.TrimSpace(python), "\n", "\n    ")
	return map[string]string{
		"mkdocs.yml": "site_name: x\nhooks: [hook.py]\n", "docs/index.md": "# Home\n",
		"hook.py": "import os, sys, socket, time, subprocess\ndef on_pre_build(config):\n" + body + "\n",
	}
}

func permitting(t *testing.T) mkdocs.Config {
	t.Helper()
	config := settings(t)
	config.Permit.Keys = []string{"hooks"}
	return config
}

func TestAConfinedHookReachesNothing(t *testing.T) {
	t.Parallel()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			connection.Close()
		}
	}()
	outside := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(outside, []byte("of Portico"), 0o644))
	port := listener.Addr().String()[strings.LastIndex(listener.Addr().String(), ":")+1:]
	files := hooked(`
def attempt(name, call):
    try:
        print(name, "SUCCEEDED", call(), flush=True)
    except OSError as e:
        print(name, "refused", flush=True)
attempt("network", lambda: socket.create_connection(("127.0.0.1", ` + port + `), 3))
attempt("secret", lambda: open("` + outside + `").read())
attempt("passwords", lambda: open("/etc/shadow").read())
attempt("processes", lambda: os.listdir("/proc"))
attempt("source", lambda: open("docs/index.md", "a"))
attempt("packages", lambda: open(sys.prefix + "/x", "w"))
attempt("system", lambda: open("/usr/x", "w"))
attempt("root", lambda: open("/x", "w"))
attempt("user", lambda: os.setuid(0))
attempt("chroot", lambda: os.chroot("/tmp"))
print("environment", sorted(os.environ), flush=True)
print("user", os.getuid(), "process", os.getpid(), "root", sorted(os.listdir("/")), flush=True)
open("/tmp/x", "w").write("written")
open(os.environ["HOME"] + "/x", "w").write("written")
`)
	_, _, lines, err := build(t, permitting(t), files, techdocs.Options{})
	require.NoError(t, err, lines)
	require.NotContains(t, lines, "SUCCEEDED")
	for _, name := range []string{"network", "secret", "passwords", "processes", "source", "packages", "system", "root", "user", "chroot"} {
		require.Contains(t, lines, name+" refused")
	}
	require.Contains(t, lines, "environment ['DISABLE_MKDOCS_2_WARNING', 'HOME', 'LANG', 'NO_COLOR', 'NO_MKDOCS_2_WARNING', 'PATH', 'PYTHONDONTWRITEBYTECODE', 'TMPDIR']")
	require.Contains(t, lines, "user 1000 process 1 ")
}

func TestTheNetworkCanBePermitted(t *testing.T) {
	t.Parallel()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	port := listener.Addr().String()[strings.LastIndex(listener.Addr().String(), ":")+1:]
	config := permitting(t)
	config.Network = true
	_, _, lines, err := build(t, config, hooked(`print("connected", socket.create_connection(("127.0.0.1", `+port+`), 3).getpeername()[0])`), techdocs.Options{})
	require.NoError(t, err, lines)
	require.Contains(t, lines, "connected 127.0.0.1")
}

func TestLimitsStopAHook(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		python  string
		limits  mkdocs.Limits
		message string
	}{
		"time": {
			python: `time.sleep(600)`, limits: mkdocs.Limits{Time: 3 * time.Second},
			message: "MkDocs was stopped after 3s, the limit of its time.",
		},
		"time of processes that leave the group": {
			python: "if os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n        time.sleep(600)\ntime.sleep(600)", limits: mkdocs.Limits{Time: 3 * time.Second},
			message: "MkDocs was stopped after 3s, the limit of its time.",
		},
		"memory at once": {
			python: `x = bytearray(10 << 30)`, limits: mkdocs.Limits{Memory: 1 << 30}, message: "MkDocs failed: MemoryError",
		},
		"memory of many": {
			python: "for i in range(20):\n    if os.fork() == 0:\n        x = os.urandom(100 << 20)\n        time.sleep(600)\ntime.sleep(600)", limits: mkdocs.Limits{Memory: 512 << 20},
			message: "MkDocs was stopped when it used more than 512 MiB of memory, the limit.",
		},
		"10 GB in one file": {
			python: "f = open('/portico/output/x', 'wb')\nfor i in range(10 << 10):\n    f.write(bytes(1 << 20))", limits: mkdocs.Limits{Output: 64 << 20},
			message: "MkDocs was stopped when it had written more than 64 MiB, the limit of its output.",
		},
		"10 GB in many files": {
			python: "for i in range(10 << 10):\n    open('/tmp/%d' % i, 'wb').write(bytes(1 << 20))", limits: mkdocs.Limits{Output: 64 << 20},
			message: "MkDocs was stopped when it had written more than 64 MiB, the limit of its output.",
		},
		"many files": {
			python: "for i in range(10 << 20):\n    open('/portico/home/%d' % i, 'wb')", limits: mkdocs.Limits{Files: 500},
			message: "MkDocs was stopped when it had written more than 500 files, the limit.",
		},
		"forks": {
			python: "while True:\n    os.fork()", limits: mkdocs.Limits{Processes: 40}, message: "Resource temporarily unavailable",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := permitting(t)
			config.Limits = test.limits
			_, report, lines, err := build(t, config, hooked(test.python), techdocs.Options{})
			require.Equal(t, fault.Input, fault.KindOf(err), "%v\n%s", err, lines)
			require.ErrorContains(t, err, test.message)
			require.NotEmpty(t, report.Problems)
		})
	}
}

func TestASourceThatLeadsOutOrIsTooLargeIsRefused(t *testing.T) {
	t.Parallel()
	config := settings(t)
	outside := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(outside, []byte("of Portico"), 0o644))
	for name, test := range map[string]struct {
		target, message string
		limits          mkdocs.Limits
	}{
		"absolute":   {target: outside, message: "which is outside or unreadable"},
		"relative":   {target: "../../../../../../etc/passwd", message: "which is outside or unreadable"},
		"many files": {target: "index.md", limits: mkdocs.Limits{Files: 1}, message: "has more than 1 files, the limit."},
		"large":      {target: "index.md", limits: mkdocs.Limits{Output: 10}, message: "has more than 0 MiB, the limit."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := config
			config.Limits = test.limits
			source := tree(t, map[string]string{"mkdocs.yml": "site_name: x\n", "docs/index.md": "# Home\n"})
			require.NoError(t, os.Symlink(test.target, filepath.Join(source, "docs", "link.md")))
			report, err := mkdocs.New(config).Generate(t.Context(), source, t.TempDir(), techdocs.Options{})
			require.Equal(t, fault.Input, fault.KindOf(err), err)
			require.ErrorContains(t, err, test.message)
			require.Len(t, report.Problems, 1)
		})
	}
}

func TestLinksThatAPluginWritesAreRefused(t *testing.T) {
	t.Parallel()
	files := hooked("pass")
	files["hook.py"] += "def on_post_build(config):\n    os.symlink('/etc/passwd', '/portico/output/passwd')\n"
	_, _, lines, err := build(t, permitting(t), files, techdocs.Options{})
	require.Equal(t, fault.Input, fault.KindOf(err), "%v\n%s", err, lines)
	require.ErrorContains(t, err, "The site that MkDocs wrote has a file that is neither a regular file nor a folder.")
}

func TestWhatCannotBeConfinedIsRefusedUnlessThatIsPermitted(t *testing.T) {
	t.Parallel()
	config := permitting(t)
	config.Confiner[1] = "confine-on-old-kernel"
	files := hooked(`print("folder", os.getcwd() != "/portico/source", sorted(os.environ), flush=True)`)
	_, err := mkdocs.New(config).Generate(t.Context(), tree(t, files), t.TempDir(), techdocs.Options{})
	require.Equal(t, fault.Unavailable, fault.KindOf(err))
	require.ErrorContains(t, err, "MkDocs was not started, because it cannot be confined here (exit status 1: separate the mounts: operation not permitted)")

	config.Unconfined = true
	_, report, lines, err := build(t, config, files, techdocs.Options{})
	require.NoError(t, err, lines)
	require.Equal(t, 1, report.Pages)
	require.Contains(t, lines, "It is NOT confined, as portico.mkdocs.unconfined permits")
	require.Contains(t, lines, "folder True ['DISABLE_MKDOCS_2_WARNING', 'HOME', 'LANG', 'NO_COLOR', ")
	require.Contains(t, lines, "Building documentation to directory: output")

	config.Limits = mkdocs.Limits{Time: 3 * time.Second}
	_, _, lines, err = build(t, config, hooked(`time.sleep(600)`), techdocs.Options{})
	require.ErrorContains(t, err, "MkDocs was stopped after 3s, the limit of its time.", lines)

	config.Program = "no-such-program"
	_, err = mkdocs.New(config).Generate(t.Context(), tree(t, files), t.TempDir(), techdocs.Options{})
	require.Equal(t, fault.Unavailable, fault.KindOf(err))
	require.ErrorContains(t, err, "MkDocs is not installed")
}
