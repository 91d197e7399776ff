package recordedtest

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/scaffolder/dryrun"
)

// Case is one recorded run of one action.
type Case struct {
	ID     string `json:"id"`
	Action string `json:"action"`
	// About says what the case shows.
	About string `json:"about"`
	// Values are the form's values. Input, If and Each are the step's, as written in the template.
	Values json.RawMessage `json:"values"`
	Input  json.RawMessage `json:"input"`
	If     json.RawMessage `json:"if"`
	Each   json.RawMessage `json:"each"`
	// Before are the files of the workspace, Template those beside the template, After those of the workspace
	// after the run, by path.
	Before   map[string]file `json:"before"`
	Template map[string]file `json:"template"`
	After    map[string]file `json:"after"`
	// Config is configuration beyond the recording's own, nil for most cases.
	Config json.RawMessage `json:"config"`
	// Status is completed, failed or skipped.
	Status string `json:"status"`
	Error  *struct {
		Name    string `json:"name"`
		Message string `json:"message"`
	} `json:"error"`
	// Output is the step's output. OlderOutput is what it would have been where Backstage refused it.
	Output      json.RawMessage `json:"output"`
	OlderOutput json.RawMessage `json:"older_output"`
	Log         []string        `json:"log"`
	Requests    []exchange      `json:"requests"`
	DryRun      bool            `json:"dry_run"`
}

// exchange is one request that a stub received, and the answer that it gave.
type exchange struct {
	Method   string            `json:"method"`
	Path     string            `json:"path"`
	Headers  map[string]string `json:"headers"`
	Body     json.RawMessage   `json:"body"`
	JSON     json.RawMessage   `json:"json"`
	Push     []pushedRef       `json:"push"`
	Response answer            `json:"response"`
}

// pushedRef is one ref of a git push, and its newest commit.
type pushedRef struct {
	Ref       string          `json:"ref"`
	Message   string          `json:"message"`
	Author    string          `json:"author"`
	Committer string          `json:"committer"`
	Files     map[string]file `json:"files"`
}

// answer is what a stub answers. Its zero Status closes the connection without an answer.
type answer struct {
	Status  int               `json:"status"`
	Headers map[string]string `json:"headers"`
	Body    json.RawMessage   `json:"body"`
	JSON    json.RawMessage   `json:"json"`
	DelayMS int               `json:"delay_ms"`
	// isSilent says that the client gave up before there was an answer.
	isSilent bool
}

// UnmarshalJSON reads an answer, or the sentence that says why there was none.
func (a *answer) UnmarshalJSON(data []byte) error {
	var reason string
	if json.Unmarshal(data, &reason) == nil {
		a.isSilent = strings.Contains(reason, "gave up")
		return nil
	}
	type plain answer
	return json.Unmarshal(data, (*plain)(a))
}

// text is a body: the text, or the JSON where there is none.
func text(body, document json.RawMessage) string {
	var plain string
	if len(body) > 0 && json.Unmarshal(body, &plain) == nil {
		return plain
	}
	var repeated struct {
		Repeat string `json:"repeat"`
		Times  int    `json:"times"`
	}
	if len(body) > 0 && json.Unmarshal(body, &repeated) == nil && repeated.Times > 0 {
		return strings.Repeat(repeated.Repeat, repeated.Times)
	}
	return string(document)
}

// Load reads a recording: a list of cases.
func Load(t testing.TB, path string) []Case {
	t.Helper()
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	var cases []Case
	require.NoError(t, json.Unmarshal(content, &cases))
	require.NotEmpty(t, cases)
	return cases
}

// file is a file of a recording: text, bytes, an executable, a link, an archive, or an empty directory.
type file struct {
	content   string
	isProgram bool
	link      string
	// archived are the files of a ZIP archive, nil for other files.
	archived map[string]string
}

// UnmarshalJSON reads the forms of a recorded file.
func (f *file) UnmarshalJSON(data []byte) error {
	if json.Unmarshal(data, &f.content) == nil {
		return nil
	}
	var form struct {
		Text    string            `json:"text"`
		Mode    string            `json:"mode"`
		Base64  string            `json:"base64"`
		Symlink string            `json:"symlink"`
		Exec    bool              `json:"exec"`
		Zip     map[string]string `json:"zip"`
	}
	if err := json.Unmarshal(data, &form); err != nil {
		return err
	}
	decoded, err := base64.StdEncoding.DecodeString(form.Base64)
	f.content, f.isProgram = form.Text+string(decoded), form.Exec || form.Mode == "755"
	f.link, f.archived = form.Symlink, form.Zip
	return err
}

// MarshalJSON writes what is compared of a file.
func (f file) MarshalJSON() ([]byte, error) {
	if f.archived != nil {
		return json.Marshal(map[string]any{"zip": f.archived})
	}
	return json.Marshal([]any{f.content, f.isProgram, f.link})
}

// writeFiles writes files into a directory. Names that end with a slash are empty directories.
func writeFiles(t testing.TB, directory string, files map[string]file, places *strings.Replacer) {
	t.Helper()
	for name, one := range files {
		path := filepath.Join(directory, filepath.FromSlash(name))
		if strings.HasSuffix(name, "/") {
			require.NoError(t, os.MkdirAll(path, 0o755))
			continue
		}
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		mode := fs.FileMode(0o644)
		if one.isProgram {
			mode = 0o755
		}
		if one.link != "" {
			require.NoError(t, os.Symlink(one.link, path))
			continue
		}
		require.NoError(t, os.WriteFile(path, []byte(places.Replace(one.content)), mode))
	}
}

// readFiles are the files below a directory without a Git repository, and the empty directories with a slash at
// the end of their name.
func readFiles(t testing.TB, directory string) map[string]file {
	t.Helper()
	found := map[string]file{}
	require.NoError(t, filepath.WalkDir(directory, func(path string, item fs.DirEntry, err error) error {
		name, nameErr := filepath.Rel(directory, path)
		if err = errors.Join(err, nameErr); err != nil || name == "." {
			return err
		}
		if item.IsDir() {
			return readDirectory(found, path, name)
		}
		found[filepath.ToSlash(name)], err = readFile(path, item)
		return err
	}))
	return found
}

func readDirectory(found map[string]file, path, name string) error {
	if filepath.Base(name) == ".git" {
		return fs.SkipDir
	}
	entries, err := os.ReadDir(path)
	if len(entries) == 0 {
		found[filepath.ToSlash(name)+"/"] = file{}
	}
	return err
}

func readFile(path string, item fs.DirEntry) (file, error) {
	if item.Type()&fs.ModeSymlink != 0 {
		link, err := os.Readlink(path)
		return file{link: link}, err
	}
	info, err := item.Info()
	if err != nil {
		return file{}, err
	}
	content, err := os.ReadFile(path)
	if err != nil || !strings.HasSuffix(path, ".zip") {
		return file{content: string(content), isProgram: info.Mode()&0o100 != 0}, err
	}
	archived, err := unzip(content)
	return file{archived: archived}, err
}

func unzip(content []byte) (map[string]string, error) {
	archive, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		return nil, err
	}
	files := map[string]string{}
	for _, entry := range archive.File {
		reader, err := entry.Open()
		if err != nil {
			return nil, err
		}
		text, err := io.ReadAll(reader)
		if err = errors.Join(err, reader.Close()); err != nil {
			return nil, err
		}
		files[entry.Name] = string(text)
	}
	return files, nil
}

// withoutGit are the files that a recording and a workspace both tell: not those of a Git repository.
func withoutGit(files map[string]file) map[string]file {
	kept := map[string]file{}
	for name, one := range files {
		if !strings.HasPrefix(name, ".git/") && !strings.Contains(name, "/.git/") {
			kept[name] = one
		}
	}
	return kept
}

// sentFiles are files as the client of the recordings sent them with a dry run: without their modes.
func sentFiles(files map[string]file) []dryrun.File {
	sent := []dryrun.File{}
	for name, one := range files {
		sent = append(sent, dryrun.File{Path: name, Base64Content: base64.StdEncoding.EncodeToString([]byte(one.content))})
	}
	return sent
}

// receivedFiles are the files of a dry run's workspace.
func receivedFiles(t testing.TB, received []dryrun.File) map[string]file {
	t.Helper()
	files := map[string]file{}
	for _, one := range received {
		content, err := base64.StdEncoding.DecodeString(one.Base64Content)
		require.NoError(t, err)
		files[one.Path] = file{content: string(content), isProgram: one.Executable}
	}
	return files
}
