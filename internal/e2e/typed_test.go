package e2e_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestDocumentedExamplesRun types every example of every command's help, and of the documentation, into a
// shell, in a directory that holds the files they name. What cannot be known beforehand, a run's id, is
// replaced. The server, the worker and the database's schema that the others need are those of the examples
// too.
func TestDocumentedExamplesRun(t *testing.T) {
	t.Parallel()
	desk := newDesk(t)
	examples := append(desk.examplesOf("portico"), desk.examplesInDocs()...)
	slices.Sort(examples)
	examples = slices.Compact(examples)
	require.Greater(t, len(examples), 20)

	for _, example := range desk.take(&examples, "portico migrate") {
		desk.mustType(example)
	}
	servers, workers := desk.take(&examples, "portico server"), desk.take(&examples, "portico worker")
	desk.open(workers[0])
	for _, example := range servers[1:] {
		server := desk.open(example)
		desk.untilServed("golden-path")
		server.close()
	}
	desk.open(servers[0])
	desk.untilServed("golden-path")
	dev := desk.take(&examples, "portico dev")

	// First what makes runs, then what looks at them and moves them.
	for _, example := range append(desk.take(&examples, "portico run "), desk.take(&examples, "portico runs retry", "portico runs rollback")...) {
		desk.mustType(example)
	}
	for _, example := range examples {
		desk.mustType(example)
	}
	desk.moveTo(t.TempDir())
	for _, example := range dev {
		desk.bringUp(example)
	}
}

// desk is where a person sits who types what the help says.
type desk struct {
	*world
	// at is the directory, and home the person's.
	at, home string
	// completed is a run that completed.
	completed string
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{world: newWorld(t), at: t.TempDir(), home: t.TempDir()}
	for _, directory := range []string{d.at, d.home, filepath.Dir(d.home)} {
		// A Postgres that is started as root drops its rights and must be able to enter.
		require.NoError(t, os.Chmod(directory, 0o755))
	}
	require.NoError(t, os.CopyFS(filepath.Join(d.at, "examples"), os.DirFS(filepath.Join(root, "examples"))))
	config, err := os.ReadFile(d.config)
	require.NoError(t, err)
	for name, content := range map[string]string{
		"app-config.yaml":            string(config),
		"app-config.production.yaml": "app: { title: Production }\n",
		"catalog-info.yaml":          "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata: { name: shop }\nspec: { type: service, lifecycle: experimental, owner: group:default/tracking }\n",
		"skeleton/README.md":         "# ${{ values.name }}\n",
		"values.yaml":                "values: { name: shop }\n",
		"run.yaml":                   "rest: 600\nstops: [harbour]\n",
		"key.pem":                    "not a key\n",
		"cases.jsonl":                `{"template": "${{ a }}", "context": {"a": 1}}` + "\n",
	} {
		path := filepath.Join(d.at, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	}
	bin := filepath.Join(d.home, "bin")
	require.NoError(t, os.Mkdir(bin, 0o755))
	binary, err := filepath.Abs(d.binary)
	require.NoError(t, err)
	require.NoError(t, os.Symlink(binary, filepath.Join(bin, "portico")))
	return d
}

// moveTo sits down in another directory, which has the examples and is configured for nothing else.
func (d *desk) moveTo(directory string) {
	d.t.Helper()
	d.at = directory
	require.NoError(d.t, os.Chmod(directory, 0o755))
	require.NoError(d.t, os.CopyFS(filepath.Join(d.at, "examples"), os.DirFS(filepath.Join(root, "examples"))))
	content, err := os.ReadFile(filepath.Join(root, "examples", "app-config.yaml"))
	require.NoError(d.t, err)
	require.NoError(d.t, os.WriteFile(filepath.Join(d.at, "app-config.yaml"), content, 0o600))
}

// shell is the command line in the person's shell.
func (d *desk) shell(line string) *exec.Cmd {
	command := exec.CommandContext(d.t.Context(), "sh", "-c", "exec "+line)
	command.Dir = d.at
	cache, err := os.UserCacheDir()
	require.NoError(d.t, err)
	command.Env = append(os.Environ(), "PATH="+filepath.Join(d.home, "bin")+string(os.PathListSeparator)+os.Getenv("PATH"),
		"HOME="+d.home, "XDG_DATA_HOME=", "XDG_CACHE_HOME="+cache, "PORTICO_URL="+d.url, "PORTICO_TOKEN="+token, "API_TOKEN=hunter2")
	return command
}

func (d *desk) typed(line string) (string, error) {
	d.t.Helper()
	output, err := d.shell(line).CombinedOutput()
	return string(output), err
}

// runID is the id of a run, or the eight letters that it begins with.
var runID = regexp.MustCompile(`\b[0-9a-f]{8}(-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})?\b`)

// mustType types a command that comes to its end, and replaces the id of a run by one that the command can
// move.
func (d *desk) mustType(example string) string {
	d.t.Helper()
	line := example
	if runID.MatchString(line) {
		id := d.runFor(line)
		line = runID.ReplaceAllStringFunc(line, func(written string) string { return id[:len(written)] })
	}
	output, err := d.typed(line)
	require.NoError(d.t, err, "%s\n%s", example, output)
	if strings.HasPrefix(line, "portico run ") && strings.Contains(line, "--watch") {
		d.completed = runID.FindString(output)
		require.NotEmpty(d.t, d.completed, output)
	}
	return output
}

// newRuns are the commands that want a run of their own, and how it is started.
var newRuns = map[string]string{
	"portico runs cancel":   "portico run step-tour --set rest=60",
	"portico runs retry":    "portico run step-tour --set rest=0 --watch",
	"portico runs rollback": "portico run step-tour --set rest=0 --watch",
	"portico runs watch":    "portico run step-tour --set rest=1",
}

// runFor is the id of a run that a command can do its work with.
func (d *desk) runFor(line string) string {
	d.t.Helper()
	for beginning, start := range newRuns {
		if strings.HasPrefix(line, beginning) {
			started, err := d.typed(start)
			require.NoError(d.t, err, started)
			return runID.FindString(started)
		}
	}
	return d.completed
}

// open types a command that goes on until it is told to stop.
func (d *desk) open(example string) *opened {
	d.t.Helper()
	o := &opened{t: d.t, process: &process{part: example, command: d.shell(example), ended: make(chan struct{})}}
	o.command.Stdout, o.command.Stderr = &o.log, &o.log
	require.NoError(d.t, o.command.Start())
	go func() {
		defer close(o.ended)
		_ = o.command.Wait() // how it ended is looked at where it matters
	}()
	d.t.Cleanup(func() {
		o.kill()
		if d.t.Failed() {
			d.t.Logf("%s:\n%s", example, o.log.String())
		}
	})
	return o
}

type opened struct {
	*process
	t *testing.T
}

func (o *opened) close() {
	o.t.Helper()
	o.terminate(o.t)
	o.exitCode(o.t, patience)
}

// bringUp types a command that brings everything up, and stops it when that is there, unless it stops by
// itself.
func (d *desk) bringUp(example string) {
	d.t.Helper()
	o := d.open(example)
	if strings.Contains(example, "--exit") {
		require.Zero(d.t, o.exitCode(d.t, patience), o.log.String())
		return
	}
	wanted := "Portico is up"
	if strings.Contains(example, "--demo") {
		wanted = "Press Ctrl-C to stop"
	}
	d.until(example, func() bool { return strings.Contains(o.log.String(), wanted) || !o.isRunning() })
	require.Contains(d.t, o.log.String(), wanted)
	require.NotContains(d.t, o.log.String(), "✗")
	require.NoError(d.t, o.command.Process.Signal(syscall.SIGINT))
	o.exitCode(d.t, patience)
}

// take removes from the examples those that begin in one of the ways, and gives them.
func (d *desk) take(examples *[]string, beginnings ...string) []string {
	d.t.Helper()
	var taken []string
	for _, beginning := range beginnings {
		isTaken := func(example string) bool {
			return strings.HasPrefix(example+" ", beginning) && strings.HasPrefix(example+" ", strings.TrimSpace(beginning)+" ")
		}
		for _, example := range *examples {
			if isTaken(example) {
				taken = append(taken, example)
			}
		}
		*examples = slices.DeleteFunc(*examples, isTaken)
	}
	require.NotEmpty(d.t, taken, beginnings)
	return taken
}

var (
	commandLine = regexp.MustCompile(`(?m)^  ([a-z]+) +\S`)
	explanation = regexp.MustCompile(`\s{3,}[a-z].*$`)
)

// examplesOf are those in the help of a command and of the commands below it.
func (d *desk) examplesOf(command string) []string {
	d.t.Helper()
	help, err := d.typed(command + " --help")
	require.NoError(d.t, err, help)
	examples := linesOf(section(help, "Examples:"))
	for _, below := range commandLine.FindAllStringSubmatch(section(help, "Available Commands:"), -1) {
		if below[1] != "help" && below[1] != "completion" {
			examples = append(examples, d.examplesOf(command+" "+below[1])...)
		}
	}
	return examples
}

// section is what a help has below a title, up to the next empty line.
func section(help, title string) string {
	_, after, _ := strings.Cut(help, "\n"+title+"\n")
	within, _, _ := strings.Cut(after, "\n\n")
	return within
}

// linesOf are the commands of an example, those of several lines joined, without what explains them.
func linesOf(text string) []string {
	var lines []string
	for line := range strings.SplitSeq(strings.ReplaceAll(text, "\\\n", " "), "\n") {
		if line = explanation.ReplaceAllString(strings.TrimSpace(line), ""); strings.HasPrefix(line, "portico ") {
			lines = append(lines, strings.Join(strings.Fields(line), " "))
		}
	}
	return lines
}

var (
	fenced = regexp.MustCompile("(?s)```sh\n(.*?)```")
	inline = regexp.MustCompile("`(portico [^`]+)`")
)

// examplesInDocs are the commands in the documentation's blocks. Of the commands within sentences, which have words in capitals in the place of
// values, it makes sure that they are there, and their flags.
func (d *desk) examplesInDocs() []string {
	d.t.Helper()
	var examples []string
	for _, pattern := range []string{"*.md", "docs/*.md", "examples/*.md", "web/*.md"} {
		pages, err := filepath.Glob(filepath.Join(root, pattern))
		require.NoError(d.t, err)
		for _, page := range pages {
			content, err := os.ReadFile(page)
			require.NoError(d.t, err)
			if filepath.Base(page) == "CHANGELOG.md" {
				continue // it tells of what was
			}
			for _, block := range fenced.FindAllStringSubmatch(string(content), -1) {
				examples = append(examples, linesOf(block[1])...)
				d.requireTargets(page, block[1])
			}
			for _, mention := range inline.FindAllStringSubmatch(string(content), -1) {
				d.requireCommand(page, mention[1])
			}
		}
	}
	return examples
}

var makeTarget = regexp.MustCompile(`(?m)^make ([a-z-]+)`)

// requireTargets makes sure that what is made in a block can be.
func (d *desk) requireTargets(page, block string) {
	d.t.Helper()
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	require.NoError(d.t, err)
	for _, target := range makeTarget.FindAllStringSubmatch(block, -1) {
		require.Regexp(d.t, `(?m)^`+target[1]+`:`, string(makefile), page)
	}
}

func (d *desk) requireCommand(page, mention string) {
	d.t.Helper()
	words := strings.Fields(mention)
	path := 1
	for path < len(words) && regexp.MustCompile(`^[a-z]+$`).MatchString(words[path]) {
		path++
	}
	if path < len(words) && words[path] == "COMMAND" {
		return
	}
	command := strings.Join(words[:path], " ")
	help, err := d.typed(command + " --help")
	require.NoError(d.t, err, "%s: %s", page, mention)
	require.Regexp(d.t, `(?m)^  `+regexp.QuoteMeta(command)+`( |$)`, help, "%s: %s is no command", page, mention)
	for _, word := range words[path:] {
		if flag, isFlag := strings.CutPrefix(word, "--"); isFlag {
			require.Contains(d.t, help, fmt.Sprintf("--%s", strings.Split(flag, "=")[0]), "%s: %s", page, mention)
		}
	}
}
