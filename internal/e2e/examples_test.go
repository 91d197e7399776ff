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

// TestDocumentedExamplesRun runs every example of every command's help and of the documentation in a shell,
// in a directory with the files that they name. Ids of runs are replaced. The examples also start the server
// and the worker, and migrate the database, for the others.
func TestDocumentedExamplesRun(t *testing.T) {
	t.Parallel()
	r := newExampleRunner(t)
	examples := append(r.examplesOf("portico"), r.examplesInDocs()...)
	slices.Sort(examples)
	examples = slices.Compact(examples)
	require.Greater(t, len(examples), 20)

	for _, example := range r.takeMatching(&examples, "portico migrate") {
		r.mustExecute(example)
	}
	servers, workers := r.takeMatching(&examples, "portico server"), r.takeMatching(&examples, "portico worker")
	r.startCommand(workers[0])
	for _, example := range servers[1:] {
		server := r.startCommand(example)
		r.untilServed("golden-path")
		server.close()
	}
	r.startCommand(servers[0])
	r.untilServed("golden-path")
	dev := r.takeMatching(&examples, "portico dev")

	// The commands that start runs are first, because the others need runs.
	for _, example := range append(r.takeMatching(&examples, "portico run "), r.takeMatching(&examples, "portico runs retry", "portico runs rollback")...) {
		r.mustExecute(example)
	}
	for beginning, says := range needOthers {
		for _, example := range r.takeMatching(&examples, beginning) {
			if output, err := r.execute(example); err != nil {
				require.Contains(t, output, says, example)
			}
		}
	}
	for _, example := range r.takeMatching(&examples, "portico techdocs serve") {
		preview := r.startCommand(example)
		r.until("a preview", func() bool { return strings.Contains(preview.log.String(), "pages in") })
		preview.close()
	}
	for _, example := range examples {
		r.mustExecute(example)
	}
	r.changeTo(t.TempDir())
	for _, example := range dev {
		r.runUntilUp(example)
	}
}

// needOthers are the beginnings of examples that need people who sign in, jobs of a CI system or an organization on
// GitHub, which this server does not have, and what they say then.
var needOthers = map[string]string{
	"portico token exchange --url":        "there is no identity token",
	"portico token exchange --token-env":  "the variable is not set",
	"portico token exchange --token-file": "No tokens are exchanged here",

	"portico catalog import": "repositories of acme",

	"portico catalog sweeps":                     "There is no source",
	"portico catalog sweep github-provider:acme": "There is no source",
	"portico catalog sweep approve":              "There is no sweep",
	"portico catalog sweep cancel":               "There is no sweep",
	"portico catalog sweep drop":                 "There is no sweep",
	"portico catalog sweep show":                 "There is no sweep",

	"portico techdocs rebuild component:default/shop": "No entity named 'shop' found",
	"portico techdocs builds component:default/shop":  "No entity named 'shop' found",
	"portico techdocs publish --publisher-type awsS3": "the region of the bucket acme-techdocs is missing",
	"portico techdocs migrate --publisher-type awsS3": "the region of the bucket acme-techdocs is missing",

	"portico search push wiki":   "There is no source",
	"portico search delete wiki": "There is no source",

	"portico sessions list me": "Only a signed-in person has sessions",
	"portico sessions end":     "There is no session",
	"portico sign-in test":     "the configuration has no auth.providers",
}

// exampleRunner runs the examples in a shell.
type exampleRunner struct {
	*system
	// at is the working directory, home the home directory.
	at, home string
	// completed is a run that completed.
	completed string
}

// rolesOfExamples are the roles of examples/policy. Examples use the token of a service, which are not asked
// about roles.
const rolesOfExamples = `
permission:
  enabled: true
  rbac:
    policies-csv-file: policy.csv
    conditionalPoliciesFile: conditional-policies.yaml
`

func newExampleRunner(t *testing.T) *exampleRunner {
	t.Helper()
	r := &exampleRunner{system: newSystem(t), at: t.TempDir(), home: t.TempDir()}
	for _, directory := range []string{r.at, r.home, filepath.Dir(r.home)} {
		// A PostgreSQL that is started as root drops its rights and must be able to enter.
		require.NoError(t, os.Chmod(directory, 0o755))
	}
	require.NoError(t, os.CopyFS(filepath.Join(r.at, "examples"), os.DirFS(filepath.Join(root, "examples"))))
	require.NoError(t, os.CopyFS(r.at, os.DirFS(filepath.Join(root, "examples", "policy"))))
	config, err := os.ReadFile(r.config)
	require.NoError(t, err)
	const page = `{"title": "On call", "text": "Who is on call", "location": "https://wiki.example.com/on-call"}` + "\n"
	for name, content := range map[string]string{
		"app-config.yaml":            string(config) + rolesOfExamples,
		"app-config.production.yaml": "app: { title: Production }\n",
		"catalog-info.yaml":          "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata: { name: shop }\nspec: { type: service, lifecycle: experimental, owner: group:default/tracking }\n",
		"skeleton/README.md":         "# ${{ values.name }}\n",
		"ada.json":                   `{"email": "ada@example.com"}`,
		"identity.jwt":               "e30.e30.e30\n",
		"values.yaml":                "values: { name: shop }\n",
		"run.yaml":                   "rest: 600\nstops: [harbour]\n",
		"key.pem":                    "not a key\n",
		"mkdocs.yml":                 "site_name: Shop\nplugins: [techdocs-core]\n",
		"docs/index.md":              "# Shop\n",
		"pages.ndjson":               page,
		"pages-1.json":               "[" + page + "]",
		"pages-2.json":               "[]",
		"cases.jsonl":                `{"template": "${{ a }}", "context": {"a": 1}}` + "\n",
	} {
		path := filepath.Join(r.at, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	}
	bin := filepath.Join(r.home, "bin")
	require.NoError(t, os.Mkdir(bin, 0o755))
	binary, err := filepath.Abs(r.binary)
	require.NoError(t, err)
	require.NoError(t, os.Symlink(binary, filepath.Join(bin, "portico")))
	return r
}

// changeTo changes to another directory, with the examples and their configuration only.
func (r *exampleRunner) changeTo(directory string) {
	r.t.Helper()
	r.at = directory
	require.NoError(r.t, os.Chmod(directory, 0o755))
	require.NoError(r.t, os.CopyFS(filepath.Join(r.at, "examples"), os.DirFS(filepath.Join(root, "examples"))))
	content, err := os.ReadFile(filepath.Join(root, "examples", "app-config.yaml"))
	require.NoError(r.t, err)
	require.NoError(r.t, os.WriteFile(filepath.Join(r.at, "app-config.yaml"), content, 0o600))
}

// shell is the command line in a shell.
func (r *exampleRunner) shell(line string) *exec.Cmd {
	command := exec.CommandContext(r.t.Context(), "sh", "-c", "exec "+line)
	command.Dir = r.at
	cache, err := os.UserCacheDir()
	require.NoError(r.t, err)
	command.Env = append(os.Environ(), "PATH="+filepath.Join(r.home, "bin")+string(os.PathListSeparator)+os.Getenv("PATH"),
		"HOME="+r.home, "XDG_DATA_HOME=", "XDG_CACHE_HOME="+cache, "PORTICO_URL="+r.url, "PORTICO_TOKEN="+token, "API_TOKEN=hunter2")
	return command
}

func (r *exampleRunner) execute(line string) (string, error) {
	r.t.Helper()
	output, err := r.shell(line).CombinedOutput()
	return string(output), err
}

// runID is the id of a run, or the eight letters that it begins with.
var runID = regexp.MustCompile(`\b[0-9a-f]{8}(-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})?\b`)

// headFlag is the flag with an earlier head of the audit log's chain.
var headFlag = regexp.MustCompile(`--head \S+`)

// chainHead is the head of the audit log's chain, after its first seal.
func (r *exampleRunner) chainHead() string {
	r.t.Helper()
	chainEnd := regexp.MustCompile(`ends with the hash ([0-9a-f]+)`)
	var found []string
	r.until("the first seal of the audit log", func() bool {
		output, err := r.execute("portico audit verify --config app-config.yaml")
		found = chainEnd.FindStringSubmatch(output)
		return err == nil && found != nil
	})
	return found[1]
}

// mustExecute runs a command that ends by itself. It replaces the id of a run by one for which the command
// succeeds, and the head of the audit log by the current one.
func (r *exampleRunner) mustExecute(example string) string {
	r.t.Helper()
	line := example
	if runID.MatchString(line) {
		id := r.runFor(line)
		line = runID.ReplaceAllStringFunc(line, func(written string) string { return id[:len(written)] })
	}
	if headFlag.MatchString(line) {
		line = headFlag.ReplaceAllString(line, "--head "+r.chainHead())
	}
	output, err := r.execute(line)
	require.NoError(r.t, err, "%s\n%s", example, output)
	if strings.HasPrefix(line, "portico run ") && strings.Contains(line, "--watch") {
		r.completed = runID.FindString(output)
		require.NotEmpty(r.t, r.completed, output)
	}
	return output
}

// newRuns are the commands that need a new run, and the command that starts it.
var newRuns = map[string]string{
	"portico runs cancel":   "portico run step-tour --set rest=60",
	"portico runs retry":    "portico run step-tour --set rest=0 --watch",
	"portico runs rollback": "portico run step-tour --set rest=0 --watch",
	"portico runs watch":    "portico run step-tour --set rest=1",
}

// runFor is the id of a run for which the command succeeds.
func (r *exampleRunner) runFor(line string) string {
	r.t.Helper()
	for beginning, start := range newRuns {
		if strings.HasPrefix(line, beginning) {
			started, err := r.execute(start)
			require.NoError(r.t, err, started)
			return runID.FindString(started)
		}
	}
	return r.completed
}

// startCommand starts a command that runs until it is stopped.
func (r *exampleRunner) startCommand(example string) *runningCommand {
	r.t.Helper()
	o := &runningCommand{t: r.t, process: &process{part: example, command: r.shell(example), ended: make(chan struct{})}}
	o.command.Stdout, o.command.Stderr = &o.log, &o.log
	require.NoError(r.t, o.command.Start())
	go func() {
		defer close(o.ended)
		_ = o.command.Wait() // callers check the exit code
	}()
	r.t.Cleanup(func() {
		o.kill()
		if r.t.Failed() {
			r.t.Logf("%s:\n%s", example, o.log.String())
		}
	})
	return o
}

type runningCommand struct {
	*process
	t testing.TB
}

func (o *runningCommand) close() {
	o.t.Helper()
	o.terminate(o.t)
	o.exitCode(o.t, patience)
}

// runUntilUp runs a command that starts everything, and stops it when everything is up, unless it ends by
// itself.
func (r *exampleRunner) runUntilUp(example string) {
	r.t.Helper()
	o := r.startCommand(example)
	if strings.Contains(example, "--exit") {
		require.Zero(r.t, o.exitCode(r.t, patience), o.log.String())
		return
	}
	wanted := "Portico is up"
	if strings.Contains(example, "--demo") {
		wanted = "Press Ctrl-C to stop"
	}
	r.until(example, func() bool { return strings.Contains(o.log.String(), wanted) || !o.isRunning() })
	require.Contains(r.t, o.log.String(), wanted)
	require.NotContains(r.t, o.log.String(), "✗")
	require.NoError(r.t, o.command.Process.Signal(syscall.SIGINT))
	o.exitCode(r.t, patience)
}

// takeMatching removes the examples with one of the beginnings, and returns them.
func (r *exampleRunner) takeMatching(examples *[]string, beginnings ...string) []string {
	r.t.Helper()
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
	require.NotEmpty(r.t, taken, beginnings)
	return taken
}

var (
	commandLine = regexp.MustCompile(`(?m)^  ([a-z-]+) +\S`)
	explanation = regexp.MustCompile(`\s{3,}[a-z].*$`)
)

// examplesOf are the examples in the help of a command and of its subcommands.
func (r *exampleRunner) examplesOf(command string) []string {
	r.t.Helper()
	help, err := r.execute(command + " --help")
	require.NoError(r.t, err, help)
	examples := commandsOf(section(help, "Examples:"))
	for _, below := range commandLine.FindAllStringSubmatch(section(help, "Available Commands:"), -1) {
		if below[1] != "help" && below[1] != "completion" {
			examples = append(examples, r.examplesOf(command+" "+below[1])...)
		}
	}
	return examples
}

// section is the text below a title of a help, up to the next empty line.
func section(help, title string) string {
	_, after, _ := strings.Cut(help, "\n"+title+"\n")
	within, _, _ := strings.Cut(after, "\n\n")
	return within
}

// commandsOf are the commands of an example without explanations. Continued lines are joined.
func commandsOf(text string) []string {
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

// examplesInDocs are the commands in the documentation's code blocks. Commands within sentences have placeholders in
// capitals; for these it checks that the command and its flags exist.
func (r *exampleRunner) examplesInDocs() []string {
	r.t.Helper()
	var examples []string
	for _, pattern := range []string{"*.md", "docs/*.md", "examples/*.md", "web/*.md"} {
		pages, err := filepath.Glob(filepath.Join(root, pattern))
		require.NoError(r.t, err)
		for _, page := range pages {
			content, err := os.ReadFile(page)
			require.NoError(r.t, err)
			if filepath.Base(page) == "CHANGELOG.md" {
				continue // it describes earlier versions too
			}
			for _, block := range fenced.FindAllStringSubmatch(string(content), -1) {
				examples = append(examples, commandsOf(block[1])...)
				r.requireTargets(page, block[1])
			}
			for _, mention := range inline.FindAllStringSubmatch(string(content), -1) {
				r.requireCommand(page, mention[1])
			}
		}
	}
	return examples
}

var makeTarget = regexp.MustCompile(`(?m)^make ([a-z-]+)`)

// requireTargets checks that the make targets of a block exist.
func (r *exampleRunner) requireTargets(page, block string) {
	r.t.Helper()
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	require.NoError(r.t, err)
	for _, target := range makeTarget.FindAllStringSubmatch(block, -1) {
		require.Regexp(r.t, `(?m)^`+target[1]+`:`, string(makefile), page)
	}
}

func (r *exampleRunner) requireCommand(page, mention string) {
	r.t.Helper()
	words := strings.Fields(mention)
	path := 1
	for path < len(words) && regexp.MustCompile(`^[a-z]+$`).MatchString(words[path]) {
		path++
	}
	if path < len(words) && words[path] == "COMMAND" {
		return
	}
	command := strings.Join(words[:path], " ")
	help, err := r.execute(command + " --help")
	require.NoError(r.t, err, "%s: %s", page, mention)
	require.Regexp(r.t, `(?m)^  `+regexp.QuoteMeta(command)+`( |$)`, help, "%s: %s is no command", page, mention)
	for _, word := range words[path:] {
		if flag, isFlag := strings.CutPrefix(word, "--"); isFlag {
			require.Contains(r.t, help, fmt.Sprintf("--%s", strings.Split(flag, "=")[0]), "%s: %s", page, mention)
		}
	}
}
