// Package activities_test holds the actions that Backstage has too to what its own did.
// testdata/recorded.json are runs of one action each, made on a Backstage 1.55 backend with the published
// packages: what lay in the workspace and beside the template before, the step's rendered input, and what
// came of it.
package activities_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-github/v60/github"
	"github.com/stretchr/testify/require"

	catalogactions "github.com/portico-dev/portico/activities/catalog"
	"github.com/portico-dev/portico/activities/debug"
	"github.com/portico-dev/portico/activities/fetch"
	fsactions "github.com/portico-dev/portico/activities/fs"
	githubactions "github.com/portico-dev/portico/activities/github"
	"github.com/portico-dev/portico/catalog"
	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/catalog/query"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/forges"
	githubhost "github.com/portico-dev/portico/integration/github"
	"github.com/portico-dev/portico/integration/provenance"
	"github.com/portico-dev/portico/internal/testkit/actiontest"
	"github.com/portico-dev/portico/internal/testkit/forgetest"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/expression"
)

// deviations are the cases in which Portico differs on purpose, with the reason. A case that no longer
// differs fails the test.
var deviations = map[string]string{
	"fsd-files":        "an empty directory that a deletion leaves goes too, as who names a directory expects",
	"fpf-basic":        "a missing directory is made for a template on a local disk as for any other",
	"cw-no-metadata":   "metadata is made, in place of a TypeError",
	"cw-path":          "a long text stays in one line: YAML reads the same",
	"fsr-exists":       "the error names the files and what to do",
	"ft-error":         "the error names the file, and says it as it does elsewhere",
	"gh-publish-taken": "the error says that the repository was left untouched, and what to do",
}

type recordedCase struct {
	ID       string
	Action   string
	About    string
	Input    json.RawMessage
	Before   map[string]file
	Template map[string]file
	Status   string
	Error    *struct{ Name, Message string }
	Output   json.RawMessage
	After    map[string]file
	Log      []string
}

// file is a file of a recording: text, bytes, an executable, or an empty directory.
type file struct {
	content   string
	isProgram bool
}

// UnmarshalJSON reads the forms of a recorded file.
func (f *file) UnmarshalJSON(data []byte) error {
	if json.Unmarshal(data, &f.content) == nil {
		return nil
	}
	var form struct {
		Text, Mode, Base64 string
		Exec               bool
	}
	if err := json.Unmarshal(data, &form); err != nil {
		return err
	}
	decoded, err := base64.StdEncoding.DecodeString(form.Base64)
	f.content, f.isProgram = form.Text+string(decoded), form.Exec || form.Mode == "755"
	return err
}

func (f file) write(t *testing.T, path string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	mode := fs.FileMode(0o644)
	if f.isProgram {
		mode = 0o755
	}
	require.NoError(t, os.WriteFile(path, []byte(f.content), mode))
}

// filesIn are the files below a directory, and the empty directories with a slash at the end of their name.
func filesIn(t *testing.T, directory string) map[string]file {
	t.Helper()
	found := map[string]file{}
	require.NoError(t, filepath.WalkDir(directory, func(path string, item fs.DirEntry, err error) error {
		name, nameErr := filepath.Rel(directory, path)
		if err = errors.Join(err, nameErr); err != nil || name == "." {
			return err
		}
		if item.IsDir() {
			entries, err := os.ReadDir(path)
			if len(entries) == 0 {
				found[name+"/"] = file{}
			}
			return err
		}
		info, err := item.Info()
		if err != nil {
			return err
		}
		content, err := os.ReadFile(path)
		found[name] = file{string(content), info.Mode()&0o100 != 0}
		return err
	}))
	return found
}

func TestActionsEqualBackstages(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile("testdata/recorded.json")
	require.NoError(t, err)
	var cases []recordedCase
	require.NoError(t, json.Unmarshal(content, &cases))
	for _, recorded := range cases {
		t.Run(recorded.ID, func(t *testing.T) {
			t.Parallel()
			differences := recorded.replay(t)
			if reason, deviates := deviations[recorded.ID]; deviates {
				require.NotEmpty(t, differences, "this is as in Backstage now, and no deviation any more: %s", reason)
				return
			}
			require.Empty(t, differences, recorded.About)
		})
	}
}

// replay runs the case and lists the differences.
func (c recordedCase) replay(t *testing.T) []string {
	t.Helper()
	harness, beside := actiontest.NewHarness(t), t.TempDir()
	harness.Template = action.TemplateInfo{EntityRef: "template:default/c-" + c.ID, Base: provenance.Sent(beside + "/template.yaml")}
	for name, file := range c.Before {
		file.write(t, filepath.Join(harness.Workspace.Name(), name))
	}
	for name, file := range c.Template {
		file.write(t, filepath.Join(beside, name))
	}
	forge := forgetest.Start(t)
	require.NoError(t, forge.AddOrganization("acme", ""))
	_, _, err := forge.Client(t).Repositories.Create(t.Context(), "acme", &github.Repository{Name: new("taken")})
	require.NoError(t, err)
	places := strings.NewReplacer(harness.Workspace.Name(), "WORKSPACE", beside, "TEMPLATE_DIR", forge.Host, "HOST")

	tested := actionsOf(t, forge)[c.Action]
	require.NotNil(t, tested)
	input := strings.ReplaceAll(string(c.Input), "HOST", forge.Host)
	call := harness.Call(input)
	err = tested.Describe().CheckInput(c.Action, call.Input)
	var output action.Output
	if err == nil {
		output, err = tested.Run(t.Context(), call)
	}
	var differences []string
	differ := func(what string, expected, actual any) {
		if want, got := jsonOf(t, expected), places.Replace(jsonOf(t, actual)); want != got {
			differences = append(differences, what+"\n  recorded: "+want+"\n  now:      "+got)
		}
	}
	status := "completed"
	if err != nil {
		status = "failed"
	}
	differ("status", c.Status, status)
	if err != nil && c.Error != nil && !isOfTheEngine(c.Error.Message) {
		differ("error", c.Error.Message, err.Error())
	}
	if c.Output != nil {
		delete(output, "commitHash")
		var want, got map[string]any
		require.NoError(t, json.Unmarshal(c.Output, &want))
		require.NoError(t, json.Unmarshal([]byte(jsonOf(t, output)), &got))
		delete(want, "commitHash")
		differ("output", want, got)
	}
	if c.Log != nil && err == nil {
		// Backstage does not wait for its writes, so the order of its lines is arbitrary.
		lines := strings.Split(places.Replace(strings.Join(harness.Log.Lines(), "\x00")), "\x00")
		for n, line := range lines {
			if !strings.HasPrefix(line, "warn: ") {
				lines[n] = "info: " + line
			}
		}
		slices.Sort(lines)
		differ("log", slices.Sorted(slices.Values(c.Log)), lines)
	}
	differ("files", namesAndContents(c.After), namesAndContents(filesIn(t, harness.Workspace.Name())))
	return differences
}

// isOfTheEngine reports whether a message is from the JavaScript engine or the system, and need not match
// word for word.
func isOfTheEngine(message string) bool {
	return strings.HasPrefix(message, "ENOENT") || strings.HasPrefix(message, "Cannot read properties")
}

func namesAndContents(files map[string]file) map[string][2]any {
	plain := map[string][2]any{}
	for name, file := range files {
		if !strings.Contains(name, ".git/") {
			plain[name] = [2]any{file.content, file.isProgram}
		}
	}
	return plain
}

func jsonOf(t *testing.T, v any) string {
	t.Helper()
	encoded, err := json.Marshal(v)
	require.NoError(t, err)
	return string(encoded)
}

func actionsOf(t *testing.T, forge *forgetest.Server) map[string]action.Action {
	t.Helper()
	hosts, err := forges.New(forges.Config{
		GitHub: []githubhost.Config{{Host: forge.Host, APIBaseURL: forge.APIBaseURL, Token: forge.Token()}},
	}, integration.Options{})
	require.NoError(t, err)
	renderer := expression.New(expression.Options{IntegrationType: hosts.TypeOf})
	files, err := integration.NewFiles(nil, integration.Limits{})
	require.NoError(t, err)
	all := append(fetch.Actions(fetch.Options{Sources: hosts, Files: files, Templates: renderer.Files}), fsactions.Actions()...)
	all = append(all, debug.Actions()...)
	all = append(all, catalogactions.Actions(oneEntity{}, hosts)...)
	all = append(all, githubactions.NewPublish(githubactions.Options{Hosts: hosts}))
	byID := map[string]action.Action{}
	for _, each := range all {
		byID[each.Describe().ID] = each
	}
	return byID
}

// oneEntity is the catalog of the recordings. It accepts no registrations.
type oneEntity struct{}

const recordedEntity = `{"metadata":{"namespace":"default","annotations":{"backstage.io/managed-by-location":"file:TEMPLATES/ents.yaml",
	"backstage.io/managed-by-origin-location":"file:TEMPLATES/ents.yaml","k":"v"},"name":"c1","uid":"UUID","etag":"ETAG"},
	"apiVersion":"backstage.io/v1alpha1","kind":"Component","spec":{"type":"service","lifecycle":"x","owner":"guest"},
	"relations":[{"type":"ownedBy","targetRef":"group:default/guest"}]}`

func (oneEntity) EntitiesByRefs(_ context.Context, _ identity.Principal, refs []string, _ query.Filter, _ query.Fields) ([]json.RawMessage, error) {
	found := make([]json.RawMessage, len(refs))
	for n, ref := range refs {
		if ref == "component:default/c1" {
			found[n] = json.RawMessage(recordedEntity)
		}
	}
	return found, nil
}

func (oneEntity) RegisterLocation(context.Context, identity.Principal, entity.LocationSpec, catalog.ConflictStrategy) (catalog.Location, error) {
	return catalog.Location{}, fault.New(fault.Input, "nothing is registered here")
}

func (oneEntity) TryLocation(context.Context, identity.Principal, entity.LocationSpec) (catalog.Trial, error) {
	return catalog.Trial{}, fault.New(fault.Input, "nothing is registered here")
}

func (oneEntity) DeleteLocation(context.Context, identity.Principal, string) error { return nil }

func (oneEntity) RegistrationOf(context.Context, identity.Principal, entity.LocationSpec) (catalog.Registration, error) {
	return catalog.Registration{}, fault.New(fault.NotFound, "nothing is registered here")
}

func (oneEntity) RegistrationByID(context.Context, identity.Principal, string) (catalog.Registration, error) {
	return catalog.Registration{}, fault.New(fault.NotFound, "nothing is registered here")
}
