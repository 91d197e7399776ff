package mkdocs

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/portico-dev/portico/fault"
)

// installation is a MkDocs that works.
type installation struct {
	// program is the command, and python what runs it.
	program, python string
	// visible are the folders that Python needs.
	visible  []string
	confined bool
	// about says for people what it is.
	about string
}

// find looks for the program and tries out whether it starts, confined if possible. A success is kept, a failure is not: somebody may
// mend it.
func (g *Generator) find(ctx context.Context, log func(string)) (*installation, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.installed == nil {
		found, err := look(ctx, g.config)
		if err != nil {
			return nil, err
		}
		g.installed = found
	}
	log(g.installed.about)
	return g.installed, nil
}

// tryTime is how long the program may take to say its version.
const tryTime = 30 * time.Second

func look(ctx context.Context, config Config) (*installation, error) {
	ctx, cancel := context.WithTimeout(ctx, tryTime)
	defer cancel()
	found, err := exec.LookPath(config.Program)
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "MkDocs is not installed: install mkdocs-techdocs-core, or name the program mkdocs in portico.mkdocs.program")
	}
	if found, err = filepath.Abs(found); err != nil {
		return nil, err
	}
	python, err := interpreter(found)
	if err != nil {
		return nil, err
	}
	i := &installation{program: found, python: python}
	if i.visible, err = prefixes(ctx, i); err != nil {
		return nil, err
	}
	confinementError := i.try(ctx, config, true)
	if confinementError == nil {
		i.confined = true
		return i, nil
	}
	if !config.Unconfined {
		return nil, fault.Wrap(fault.Unavailable, confinementError, "MkDocs was not started, because it cannot be confined here (%s). Permit user "+
			"namespaces to Portico, or set portico.mkdocs.unconfined if all who write documentation may read what Portico reads", confinementError)
	}
	if err := i.try(ctx, config, false); err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "MkDocs does not start: %s", err)
	}
	i.about += " It is NOT confined, as portico.mkdocs.unconfined permits: it can read what Portico reads and use the network (" + confinementError.Error() + ")."
	return i, nil
}

// interpreter is the Python in the first line of a script.
func interpreter(program string) (string, error) {
	file, err := os.Open(program)
	if err != nil {
		return "", fmt.Errorf("read the program mkdocs: %w", err)
	}
	defer file.Close()
	start := bufio.NewReader(io.LimitReader(file, 4096))
	for range 2 {
		line, _ := start.ReadString('\n')
		line = strings.TrimPrefix(strings.TrimSpace(line), "#!")
		// pip writes a path that is too long for the kernel into the second line: '''exec' "/path/python" "$0" "$@"
		line = strings.TrimPrefix(line, "'''exec' ")
		path, _, _ := strings.Cut(strings.TrimPrefix(line, `"`), `"`)
		path, _, _ = strings.Cut(path, " ")
		if strings.HasPrefix(filepath.Base(path), "python") {
			return path, nil
		}
	}
	resolved, err := filepath.EvalSymlinks(program)
	if err != nil {
		return "", err
	}
	python := filepath.Join(filepath.Dir(resolved), "python3")
	if _, err := os.Stat(python); err != nil {
		return "", fault.New(fault.Unavailable, "%s is not a script of Python: name the mkdocs of a virtual environment in portico.mkdocs.program", program)
	}
	return python, nil
}

// systemFolders are what programs need of a system. None has configuration or secrets.
var systemFolders = []string{"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc/ld.so.cache", "/etc/localtime", "/etc/mime.types", "/etc/fonts"}

// networkFiles are needed by those that use the network.
var networkFiles = []string{"/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/ssl", "/etc/pki", "/etc/ca-certificates"}

// prefixes asks Python where it and its packages are.
func prefixes(ctx context.Context, i *installation) ([]string, error) {
	const question = "import sys, os, json; print(json.dumps([sys.prefix, sys.base_prefix, os.path.realpath(sys.prefix), os.path.realpath(sys.base_prefix)]))"
	command := exec.CommandContext(ctx, i.python, "-I", "-c", question)
	command.Env = environment(places{})
	answer, err := command.Output()
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "%s, the Python of MkDocs, does not start: %s", i.python, err)
	}
	var folders []string
	if err := json.Unmarshal(answer, &folders); err != nil {
		return nil, fmt.Errorf("read where Python is: %w", err)
	}
	visible := systemFolders
	for _, folder := range folders {
		if filepath.IsAbs(folder) && folder != "/" && !within(folder, visible) {
			visible = append(slices.Clip(visible), folder)
		}
		if strings.HasPrefix(folder, "/nix/store/") && !within(folder, visible) {
			visible = append(slices.Clip(visible), "/nix/store")
		}
	}
	return visible, nil
}

func within(path string, folders []string) bool {
	for _, folder := range folders {
		if path == folder || strings.HasPrefix(path, folder+"/") {
			return true
		}
	}
	return false
}

// environment of the program: nothing of Portico's own.
func environment(p places) []string {
	return []string{
		"PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8", "HOME=" + p.home, "TMPDIR=" + p.temporary, "PYTHONDONTWRITEBYTECODE=1",
		"NO_COLOR=1", "NO_MKDOCS_2_WARNING=true", "DISABLE_MKDOCS_2_WARNING=true",
	}
}

// command is the program with arguments, in the folders of a build.
func (i *installation) command(config Config, p places, confined bool, arguments ...string) (*exec.Cmd, error) {
	program := append([]string{i.python, "-I"}, arguments...)
	if !confinable {
		if confined {
			return nil, errors.New("this system has no namespaces, Linux has")
		}
		command := exec.Command(program[0], program[1:]...) //nolint:noctx // execute ends it
		command.Dir, command.Env = p.source, environment(p)
		return command, nil
	}
	if len(config.Confiner) == 0 {
		return nil, errors.New("no command that confines is configured")
	}
	c := cell{
		Confined: confined, Root: p.root, Source: p.source, Output: p.output, Temporary: p.temporary, Home: p.home, User: -1,
		Folder: p.source, Command: program, Environment: environment(p), Limits: config.Limits,
	}
	command := exec.Command(config.Confiner[0], config.Confiner[1:]...) //nolint:noctx // execute ends it
	command.Env = []string{}
	command.Dir = "/"
	if confined {
		c.Visible, c.Folder = i.visible, insideSource
		if config.Network {
			c.Visible = append(slices.Clip(c.Visible), networkFiles...)
		}
		c.Environment = environment(places{home: insideHome, temporary: insideTemporary})
		if user := confine(command, config.Network); user >= 0 {
			c.User = insideUser
			if err := p.handOver(user); err != nil {
				return nil, err
			}
		}
	} else {
		unconfined(command)
	}
	description, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	command.Args = append(command.Args, string(description))
	return command, nil
}

// try starts the program to ask for its versions.
func (i *installation) try(ctx context.Context, config Config, confined bool) error {
	folder, err := os.MkdirTemp(config.Folder, "portico-mkdocs-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	p := newPlaces(folder)
	if err := p.create(); err != nil {
		return err
	}
	const question = `import importlib.metadata as m, mkdocs
def v(n):
  try: return m.version(n)
  except m.PackageNotFoundError: return ""
print(v("mkdocs"), v("mkdocs-techdocs-core"))`
	command, err := i.command(config, p, confined, "-c", question)
	if err != nil {
		return err
	}
	var out, complaint bytes.Buffer
	command.Stdout, command.Stderr = &out, &complaint
	command.WaitDelay = time.Second
	if err := command.Start(); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { kill(command.Process) }) //nolint:errcheck // It may have ended.
	defer stop()
	if err := command.Wait(); err != nil {
		return errors.Join(ctx.Err(), fmt.Errorf("%w: %s", err, lastLine(complaint.String())))
	}
	versions := strings.Fields(out.String())
	i.about = "MkDocs"
	if len(versions) > 0 {
		i.about += " " + versions[0]
	}
	if len(versions) > 1 {
		i.about += " with mkdocs-techdocs-core " + versions[1]
	}
	i.about += " renders this site."
	return nil
}

func lastLine(text string) string {
	text = strings.TrimSpace(text)
	return text[strings.LastIndexByte(text, '\n')+1:]
}

// watchEvery is how often what the kernel does not limit is looked at.
const watchEvery = 100 * time.Millisecond

// execute runs the program. It returns why it was ended, "" if it ended by itself: the reader knows more then.
func (b *build) execute(ctx context.Context, file string, reader *logReader) (ended string, err error) {
	output := insideOutput
	if !b.installed.confined {
		output = b.places.output
	}
	command, err := b.installed.command(b.config, b.places, b.installed.confined, b.installed.program, "--no-color", "build", "-f", file, "-d", output)
	if err != nil {
		return "", err
	}
	command.Stdout, command.Stderr = reader, reader
	// Processes that outlive the program keep its output open.
	command.WaitDelay = time.Second
	if err := command.Start(); err != nil {
		return "", fmt.Errorf("start MkDocs: %w", err)
	}
	done := make(chan error, 1)
	go func() { done <- command.Wait() }()
	ended, err = b.watch(ctx, command.Process, done)
	if err == nil && ended == "" {
		return "", nil
	}
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	exit, is := errors.AsType[*exec.ExitError](err)
	switch {
	case ended != "":
		return ended, nil
	case errors.Is(err, exec.ErrWaitDelay):
		return "", nil
	case is && exit.ExitCode() > 0:
		reader.failed = true
		return "", nil
	case is:
		return "MkDocs was ended by the system (" + exit.String() + "): it may have used too much memory or CPU time.", nil
	}
	return "", fmt.Errorf("run MkDocs: %w", err)
}

// watch waits for the end of the program, and ends it when it exceeds a limit.
func (b *build) watch(ctx context.Context, process *os.Process, done <-chan error) (ended string, err error) {
	limits := b.config.Limits
	timeout := time.NewTimer(limits.Time)
	defer timeout.Stop()
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for ended == "" {
		select {
		case err := <-done:
			if !b.installed.confined {
				kill(process) //nolint:errcheck // What is left of its group, usually nothing.
			}
			if exceeded := b.exceeded(usage{}); exceeded != "" {
				return exceeded, nil
			}
			return "", err
		case <-ctx.Done():
			ended = "The build was stopped."
		case <-timeout.C:
			ended = fmt.Sprintf("MkDocs was stopped after %s, the limit of its time.", limits.Time)
		case <-tick.C:
			ended = b.exceeded(used(process.Pid))
		}
	}
	kill(process) //nolint:errcheck // It may have ended meanwhile.
	return ended, <-done
}

// exceeded says which limit was exceeded.
func (b *build) exceeded(u usage) string {
	limits := b.config.Limits
	bytes, files := b.places.size()
	switch {
	case bytes > limits.Output:
		return fmt.Sprintf("MkDocs was stopped when it had written more than %d MiB, the limit of its output.", limits.Output>>20)
	case files > limits.Files:
		return fmt.Sprintf("MkDocs was stopped when it had written more than %d files, the limit.", limits.Files)
	case u.memory > limits.Memory:
		return fmt.Sprintf("MkDocs was stopped when it used more than %d MiB of memory, the limit.", limits.Memory>>20)
	case u.processes > limits.Processes:
		return fmt.Sprintf("MkDocs was stopped when it had more than %d processes, the limit.", limits.Processes)
	}
	return ""
}
