package fetch_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/activities/fetch"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/forges"
	"github.com/portico-dev/portico/integration/provenance"
	"github.com/portico-dev/portico/internal/testkit/actiontest"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/budget"
	"github.com/portico-dev/portico/scaffolder/nunjucks"
)

// actions are the package's actions by id, reading from the given sources.
func actions(t testing.TB, options fetch.Options) map[string]action.Action {
	t.Helper()
	options.Templates = func(cookiecutterCompat, trimBlocks, lstripBlocks bool) *nunjucks.Environment {
		return nunjucks.New(nunjucks.Options{CookiecutterCompat: cookiecutterCompat, TrimBlocks: trimBlocks, LstripBlocks: lstripBlocks})
	}
	if options.Sources == nil {
		set, err := forges.New(forges.Config{}, integration.Options{})
		require.NoError(t, err)
		options.Sources = set
	}
	if options.Files == nil {
		files, err := integration.NewFiles([]string{os.TempDir()}, integration.Limits{}) // where the templates of the tests lie
		require.NoError(t, err)
		options.Files = files
	}
	byID := map[string]action.Action{}
	for _, each := range fetch.Actions(options) {
		byID[each.Describe().ID] = each
	}
	return byID
}

func TestDescriptions(t *testing.T) {
	t.Parallel()
	actiontest.RequireDescriptions(t, fetch.Actions(fetch.Options{}))
}

// newHarness creates a harness whose template is in a directory with these files. A path that ends with a
// slash is an empty directory, and content that begins with "->" is a symbolic link.
func newHarness(t testing.TB, files map[string]string) *actiontest.Harness {
	t.Helper()
	harness := actiontest.NewHarness(t)
	directory := t.TempDir()
	harness.Template.Base = provenance.At(provenance.File, directory+"/template.yaml")
	for name, content := range files {
		full := filepath.Join(directory, name)
		if strings.HasSuffix(name, "/") {
			require.NoError(t, os.MkdirAll(full, 0o755))
			continue
		}
		require.NoError(t, os.MkdirAll(filepath.Dir(full), 0o755))
		if link, ok := strings.CutPrefix(content, "->"); ok {
			require.NoError(t, os.Symlink(link, full))
			continue
		}
		require.NoError(t, os.WriteFile(full, []byte(content), 0o644))
	}
	return harness
}

// tree is the content of a workspace: the content of files, "->target" for links, and "" for directories,
// whose names end with a slash.
func tree(t testing.TB, root *os.Root) map[string]string {
	t.Helper()
	found := map[string]string{}
	require.NoError(t, fs.WalkDir(root.FS(), ".", func(name string, item fs.DirEntry, err error) error {
		switch {
		case err != nil || name == ".":
			return err
		case item.IsDir():
			found[name+"/"] = ""
		case item.Type() == fs.ModeSymlink:
			link, err := root.Readlink(name)
			require.NoError(t, err)
			found[name] = "->" + link
		default:
			content, err := root.ReadFile(name)
			require.NoError(t, err)
			found[name] = string(content)
		}
		return nil
	}))
	return found
}

const goldenReadme = "# ${{ values.name | title }}\n{% if values.count > 1 %}many: ${{ values.count }}{% else %}one{% endif %}\n{% raw %}${{ kept }}{% endraw %}\n"

const goldenCatalogInfo = "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata:\n  name: ${{ values.name | dump }}\n  tags:\n" +
	"{%- for l in values.languages %}\n    - ${{ l }}\n{%- endfor %}\nspec:\n  type: service\n"

// TestFilesShareTheMemory renders files concurrently that each need most of the memory: they wait for each
// other.
func TestFilesShareTheMemory(t *testing.T) {
	t.Parallel()
	pool := budget.NewPool(budget.Limits{Process: 16 << 20, Account: 16 << 20})
	skeleton := map[string]string{}
	for n := range 8 {
		skeleton[fmt.Sprintf("skeleton/%d.txt", n)] = "${{ 'x'.repeat(2000000) | upper | length }}"
	}
	harness := newHarness(t, skeleton)
	_, err := harness.Run(t, actions(t, fetch.Options{Enter: pool.Enter})["fetch:template"], `{"url":"./skeleton"}`)
	require.NoError(t, err)
	for n := range 8 {
		content, err := harness.Workspace.ReadFile(fmt.Sprintf("%d.txt", n))
		require.NoError(t, err)
		require.Equal(t, "2000000", string(content))
	}
}

func TestTooLargeTemplateFilesAreRefused(t *testing.T) {
	t.Parallel()
	large := strings.Repeat("a line\n", 1<<20)
	harness := newHarness(t, map[string]string{"skeleton/large.txt": large})
	tested := actions(t, fetch.Options{})["fetch:template"]
	_, err := harness.Run(t, tested, `{"url":"./skeleton"}`)
	require.ErrorContains(t, err, "large.txt is larger than the 4 MiB that a file to be filled in may have: copy it with copyWithoutTemplating")

	_, err = harness.Run(t, tested, `{"url":"./skeleton","copyWithoutTemplating":["large.txt"],"replace":true}`)
	require.NoError(t, err)
	content, err := harness.Workspace.ReadFile("large.txt")
	require.NoError(t, err)
	require.Equal(t, large, string(content))
}

// TestTemplateAsRecorded renders the skeleton of the recorded runs, and expects the lines and files of a real
// Backstage.
func TestTemplateAsRecorded(t *testing.T) {
	t.Parallel()
	harness := newHarness(t, map[string]string{
		"skeleton/README.md": goldenReadme, "skeleton/catalog-info.yaml": goldenCatalogInfo,
		"skeleton/src/${{ values.name }}.go": "package ${{ values.name | replace('-', '_') }}\n", "skeleton/src/blob.bin": "\x00\x01${{ values.name }}",
	})
	_, err := harness.Run(t, actions(t, fetch.Options{})["fetch:template"], `{"url":"./skeleton","values":{"name":"my-svc","count":2,"languages":["go","ts"]}}`)
	require.NoError(t, err)
	require.Equal(t, []string{
		"Fetching template content from remote URL",
		"Listing files and directories in template",
		`Processing 5 template files/directories with input values {"count":2,"languages":["go","ts"],"name":"my-svc"}`,
		"Writing file README.md to template output path with mode 33188.",
		"Writing file catalog-info.yaml to template output path with mode 33188.",
		"Writing directory src/ to template output path.",
		"Writing file src/${{ values.name }}.go to template output path with mode 33188.",
		"Copying file binary or symbolic link at src/blob.bin, to template output path.",
		"Template result written to " + harness.Workspace.Name(),
	}, harness.Log.Lines())
	require.Equal(t, map[string]string{
		"README.md": "# My-svc\nmany: 2\n${{ kept }}\n",
		"catalog-info.yaml": "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata:\n  name: \"my-svc\"\n  tags:\n    - go\n    - ts\n" +
			"spec:\n  type: service\n",
		"src/": "", "src/my-svc.go": "package my_svc\n", "src/blob.bin": "\x00\x01${{ values.name }}",
	}, tree(t, harness.Workspace))
}

func TestTemplateRules(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		skeleton map[string]string
		before   map[string]string
		input    string
		want     map[string]string
	}{
		"names that come to nothing are left out, with what is below them": {
			skeleton: map[string]string{"{% if values.no %}gone{% endif %}": "x", "${{ values.no }}/a": "x", "b/${{ values.no }}/c": "x", "{% if values.yes %}d.txt{% endif %}": "d"},
			want:     map[string]string{"b/": "", "d.txt": "d"},
		},
		"a name can make directories": {
			skeleton: map[string]string{"${{ values.path }}/f": "x"},
			want:     map[string]string{"a/": "", "a/b/": "", "a/b/f": "x"},
		},
		"existing values stay": {
			skeleton: map[string]string{"f": "new", "d/g": "new"}, before: map[string]string{"f": "old"},
			want: map[string]string{"f": "old", "d/": "", "d/g": "new"},
		},
		"existing files are replaced": {
			skeleton: map[string]string{"f": "new"}, before: map[string]string{"f": "old, and longer"}, input: `,"replace":true`,
			want: map[string]string{"f": "new"},
		},
		"the first of two with one name stays": {
			skeleton: map[string]string{"a-${{ values.x }}": "1", "a-x": "2"},
			want:     map[string]string{"a-x": "1"},
		},
		"the last of two with one name replaces": {
			skeleton: map[string]string{"a-${{ values.x }}": "1", "a-x": "2"}, input: `,"replace":true`,
			want: map[string]string{"a-x": "2"},
		},
		"dot files and empty directories": {
			skeleton: map[string]string{".github/w.yml": "${{ values.x }}", "empty/": ""},
			want:     map[string]string{".github/": "", ".github/w.yml": "x", "empty/": ""},
		},
		"a target path": {
			skeleton: map[string]string{"f": "x"}, input: `,"targetPath":"./deep/er"`,
			want: map[string]string{"deep/": "", "deep/er/": "", "deep/er/f": "x"},
		},
		"copyWithoutTemplating renders names": {
			skeleton: map[string]string{"${{ values.x }}.txt": "${{ values.x }}", "d/f": "${{ values.x }}", "e": "${{ values.x }}"}, input: `,"copyWithoutTemplating":["*.txt","d"]`,
			want: map[string]string{"x.txt": "${{ values.x }}", "d/": "", "d/f": "${{ values.x }}", "e": "x"},
		},
		"copyWithoutTemplating with exceptions": {
			skeleton: map[string]string{"a.txt": "${{ values.x }}", "b.txt": "${{ values.x }}"}, input: `,"copyWithoutTemplating":["*.txt","!b.txt"]`,
			want: map[string]string{"a.txt": "${{ values.x }}", "b.txt": "x"},
		},
		"copyWithoutRender renders neither": {
			skeleton: map[string]string{"d/${{ values.x }}.txt": "${{ values.x }}", "e": "${{ values.x }}"}, input: `,"copyWithoutRender":["d/**"]`,
			want: map[string]string{"d/": "", "d/${{ values.x }}.txt": "${{ values.x }}", "e": "x"},
		},
		"an extension": {
			skeleton: map[string]string{"${{ values.x }}.md.njk": "${{ values.x }}", "${{ values.x }}.md2": "${{ values.x }}", ".njk": "${{ values.x }}", "d.njk/f": "1"}, input: `,"templateFileExtension":true`,
			want: map[string]string{"x.md": "x", "x.md2": "${{ values.x }}", ".njk": "${{ values.x }}", "d.njk/": "", "d.njk/f": "1"},
		},
		"an extension without its dot": {
			skeleton: map[string]string{"a.tmpl": "${{ values.x }}"}, input: `,"templateFileExtension":"tmpl"`,
			want: map[string]string{"a": "x"},
		},
		"no extension": {
			skeleton: map[string]string{"a.njk": "${{ values.x }}"}, input: `,"templateFileExtension":false`,
			want: map[string]string{"a.njk": "x"},
		},
		"cookiecutter": {
			skeleton: map[string]string{"{{ cookiecutter.x }}": "{{ cookiecutter.list | jsonify }} ${{ values.x }}"}, input: `,"cookiecutterCompat":true`,
			want: map[string]string{"x": "[1,2] $"},
		},
		"blocks are trimmed": {
			skeleton: map[string]string{"f": "a\n  {% if true %}\nb\n  {% endif %}\nc\n"}, input: `,"trimBlocks":true,"lstripBlocks":true`,
			want: map[string]string{"f": "a\nb\nc\n"},
		},
		"blocks are not trimmed": {
			skeleton: map[string]string{"f": "a\n  {% if true %}\nb\n{% endif %}\n"},
			want:     map[string]string{"f": "a\n  \nb\n\n"},
		},
		"links": {
			skeleton: map[string]string{"f": "${{ values.x }}", "link": "->f", "broken": "->nowhere", "out": "->../../secret", "absolute": "->/etc/passwd"},
			want:     map[string]string{"f": "x", "link": "->f", "broken": "->nowhere"},
		},
		"text that is not UTF-8": {
			skeleton: map[string]string{"f": "a long enough line of text, caf\xe9 ${{ values.x }}", "g": "a long enough line of text, caf\xe9"}, input: `,"copyWithoutTemplating":["g"]`,
			want: map[string]string{"f": "a long enough line of text, caf\xe9 ${{ values.x }}", "g": "a long enough line of text, caf\xe9"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			files := map[string]string{"secret": "s"}
			for name, content := range test.skeleton {
				files["skeleton/"+name] = content
			}
			harness := newHarness(t, files)
			for name, content := range test.before {
				require.NoError(t, harness.Workspace.WriteFile(name, []byte(content), 0o644))
			}
			_, err := harness.Run(t, actions(t, fetch.Options{})["fetch:template"],
				`{"url":"skeleton","values":{"x":"x","yes":true,"no":"","path":"a/b","list":[1,2]}`+test.input+`}`)
			require.NoError(t, err)
			require.Equal(t, test.want, tree(t, harness.Workspace))
		})
	}
}

// TestTextThatIsNotUTF8IsNamed: rendering would damage such a file, so it is copied, and the log names it
// with the reason.
func TestTextThatIsNotUTF8IsNamed(t *testing.T) {
	t.Parallel()
	latin := "a long enough line of text, caf\xe9 ${{ values.x }}"
	harness := newHarness(t, map[string]string{"s/latin.properties": latin, "s/utf16.txt": "\xff\xfeh\x00i\x00", "s/copied": latin, "s/good": "caf\u00e9 ${{ values.x }}"})
	_, err := harness.Run(t, actions(t, fetch.Options{})["fetch:template"], `{"url":"s","values":{"x":"y"},"copyWithoutTemplating":["copied"]}`)
	require.NoError(t, err)
	require.Equal(t, map[string]string{"latin.properties": latin, "utf16.txt": "\xff\xfeh\x00i\x00", "copied": latin, "good": "caf\u00e9 y"}, tree(t, harness.Workspace))
	var warnings []string
	for _, line := range harness.Log.Lines() {
		if strings.Contains(line, "UTF-8") {
			warnings = append(warnings, line)
		}
	}
	const advice = " and was copied as it is: nothing in it is filled in. Save it as UTF-8 if something should be."
	require.Equal(t, []string{"warn: latin.properties is not UTF-8 (byte 31)" + advice, "warn: utf16.txt is not UTF-8 (byte 0)" + advice}, warnings)

	_, err = harness.Run(t, actions(t, fetch.Options{})["fetch:template:file"], `{"url":"s/latin.properties","targetPath":"one","values":{"x":"y"}}`)
	require.NoError(t, err)
	require.Equal(t, latin, tree(t, harness.Workspace)["one"])
	require.Contains(t, harness.Log.Lines(), "warn: s/latin.properties is not UTF-8 (byte 31)"+advice)
}

func TestTemplateKeepsModes(t *testing.T) {
	t.Parallel()
	harness := newHarness(t, map[string]string{"s/run.sh": "#!/bin/sh\necho ${{ values.x }}\n", "s/tool": "\x7fELF\x00", "s/plain": "x"})
	directory := filepath.Dir(harness.Template.Base.Target())
	require.NoError(t, os.Chmod(directory+"/s/run.sh", 0o755))
	require.NoError(t, os.Chmod(directory+"/s/tool", 0o777))
	_, err := harness.Run(t, actions(t, fetch.Options{})["fetch:template"], `{"url":"s","values":{}}`)
	require.NoError(t, err)
	for name, want := range map[string]fs.FileMode{"run.sh": 0o755, "tool": 0o777, "plain": 0o644} {
		info, err := harness.Workspace.Stat(name)
		require.NoError(t, err)
		require.Equal(t, want, info.Mode(), name)
	}
	require.Contains(t, harness.Log.Lines(), "Writing file run.sh to template output path with mode 33261.")
	require.Contains(t, harness.Log.Lines(), "Processing 3 template files/directories with input values")
}

func TestTemplateMistakes(t *testing.T) {
	t.Parallel()
	files := map[string]string{
		"ok/a": "x", "escape/${{ values.up }}": "x", "broken/a.txt": "1", "broken/b.txt": "${{ values.x | nope }}", "broken/c.txt": "3",
		"syntax/f": "{% if %}", "name/${{ values.x | nope }}": "x", "file": "x",
	}
	for name, test := range map[string]struct{ input, name, message string }{
		"no skeleton":    {`{"url":"./nope"}`, "NotFoundError", "there is no ./nope beside the template"},
		"above":          {`{"url":"../"}`, "NotAllowedError", "Relative path is not allowed to refer to a directory outside its parent"},
		"absolute":       {`{"url":"/etc"}`, "NotAllowedError", "Relative path is not allowed"},
		"target above":   {`{"url":"ok","targetPath":"../x"}`, "NotAllowedError", "Relative path is not allowed"},
		"name above":     {`{"url":"escape","values":{"up":"../../x"}}`, "NotAllowedError", "Relative path is not allowed"},
		"render":         {`{"url":"broken"}`, "", "rendering b.txt: "},
		"syntax":         {`{"url":"syntax"}`, "", "rendering f: "},
		"name":           {`{"url":"name"}`, "", "rendering name of ${{ values.x | nope }}: "},
		"a file":         {`{"url":"file"}`, "", "file beside the template: "},
		"pattern":        {`{"url":"ok","copyWithoutTemplating":["@(a|b"]}`, "InputError", `the pattern "@(a|b" is invalid`},
		"extension":      {`{"url":"ok","templateFileExtension":true,"cookiecutterCompat":true}`, "InputError", "Fetch action input extension incompatible with copyWithoutTemplating and cookiecutterCompat"},
		"extension copy": {`{"url":"ok","templateFileExtension":".x","copyWithoutTemplating":[]}`, "InputError", "Fetch action input extension incompatible"},
		"another scheme": {`{"url":"file:///etc"}`, "InputError", "file:///etc"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			harness := newHarness(t, files)
			_, err := harness.Run(t, actions(t, fetch.Options{})["fetch:template"], test.input)
			requireFinal(t, err, test.name, test.message)
			require.NotContains(t, err.Error(), filepath.Dir(harness.Template.Base.Target()), "local paths are not shown")
		})
	}
}

func TestAMissingTemplateDirectoryIsAnError(t *testing.T) {
	t.Parallel()
	for name, input := range map[string]string{"fetch:template": `{"url":"s"}`, "fetch:plain:file": `{"url":"s","targetPath":"a"}`} {
		harness := newHarness(t, nil)
		harness.Template.Base = provenance.At(provenance.File, filepath.Join(t.TempDir(), "gone", "template.yaml"))
		_, err := harness.Run(t, actions(t, fetch.Options{})[name], input)
		requireFinal(t, err, "", "open the directory that the template lies in: no such file or directory")
	}
}

// TestATemplateOutsideTheConfiguredDirectories is about runs whose base was pinned under another
// configuration, and about links.
func TestATemplateOutsideTheConfiguredDirectories(t *testing.T) {
	t.Parallel()
	configured, elsewhere := t.TempDir(), t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(elsewhere, "secret"), []byte("secret"), 0o600))
	require.NoError(t, os.Symlink(elsewhere, filepath.Join(configured, "link")))
	files, err := integration.NewFiles([]string{configured}, integration.Limits{})
	require.NoError(t, err)
	for _, base := range []string{elsewhere + "/template.yaml", "/proc/self/x", configured + "/link/template.yaml", configured + "/../x", "template.yaml", ""} {
		for name, input := range map[string]string{
			"fetch:template": `{"url":"."}`, "fetch:plain": `{"url":"./"}`, "fetch:plain:file": `{"url":"./secret","targetPath":"a"}`,
			"fetch:template:file": `{"url":"secret","targetPath":"a"}`,
		} {
			harness := actiontest.NewHarness(t)
			harness.Template.Base = provenance.At(provenance.File, base)
			_, err := harness.Run(t, actions(t, fetch.Options{Files: files})[name], input)
			requireFinal(t, err, "NotAllowedError", "open the directory that the template lies in: it is in none of the directories that the configuration names")
			require.Contains(t, action.Advice(err), "portico.files.directories")
			require.Empty(t, tree(t, harness.Workspace), name)
		}
	}
}

func TestATemplateOfUnknownOriginIsRefused(t *testing.T) {
	t.Parallel()
	for name, base := range map[string]provenance.Place{"unknown": {}, "another source": provenance.At("ldap", "/etc/x")} {
		harness := actiontest.NewHarness(t)
		harness.Template.Base = base
		_, err := harness.Run(t, actions(t, fetch.Options{})["fetch:plain:file"], `{"url":"./passwd","targetPath":"a"}`)
		requireFinal(t, err, "InputError", "template location could not be determined and the fetch URL is relative, ./passwd")
		require.Empty(t, tree(t, harness.Workspace), name)
	}
}

func requireFinal(t *testing.T, err error, name, message string) {
	t.Helper()
	require.ErrorContains(t, err, message)
	require.EqualValues(t, name, fault.KindOf(err))
	require.False(t, action.IsTransient(err))
}

// TestTemplateFailsInOrder: the files before the failing one are written and logged, as in Backstage, however
// many processors render.
func TestTemplateFailsInOrder(t *testing.T) {
	t.Parallel()
	files := map[string]string{}
	for n := range 200 {
		files[fmt.Sprintf("s/%03d", n)] = "x"
	}
	files["s/150"], files["s/120"], files["s/130"] = "${{ nope() }}", "${{ nope() }}", "${{ nope() }}"
	harness := newHarness(t, files)
	_, err := harness.Run(t, actions(t, fetch.Options{})["fetch:template"], `{"url":"s"}`)
	require.ErrorContains(t, err, "rendering 120: ")
	lines := harness.Log.Lines()
	require.Equal(t, "Writing file 119 to template output path with mode 33188.", lines[len(lines)-1])
	require.Len(t, lines, 3+120)
}

func TestTemplateStopsWhenCancelled(t *testing.T) {
	t.Parallel()
	harness := newHarness(t, map[string]string{"s/a": "x"})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := actions(t, fetch.Options{})["fetch:template"].Run(ctx, harness.Call(`{"url":"s"}`))
	require.ErrorIs(t, err, context.Canceled)
}

func TestTemplateFile(t *testing.T) {
	t.Parallel()
	harness := newHarness(t, map[string]string{"README.njk": "# ${{ values.name }}\n"})
	tested := actions(t, fetch.Options{})["fetch:template:file"]
	input := `{"url":"./README.njk","targetPath":"docs/README.md","values":{"name":"A","b":{"z":1,"a":"<&>"}}`
	_, err := harness.Run(t, tested, input+`}`)
	require.NoError(t, err)
	_, err = harness.Run(t, tested, strings.Replace(input, `"A"`, `"B"`, 1)+`}`)
	require.NoError(t, err)
	require.Equal(t, map[string]string{"docs/": "", "docs/README.md": "# A\n"}, tree(t, harness.Workspace))
	_, err = harness.Run(t, tested, strings.Replace(input, `"A"`, `"C"`, 1)+`,"replace":true}`)
	require.NoError(t, err)
	require.Equal(t, map[string]string{"docs/": "", "docs/README.md": "# C\n"}, tree(t, harness.Workspace))
	require.Equal(t, []string{
		"Fetching template file content from remote URL",
		`Processing template file with input values {"b":{"a":"<&>","z":1},"name":"A"}`,
		"Template file has been written to " + harness.Workspace.Name() + "/docs/README.md",
		"File docs/README.md already exists in workspace, not replacing.",
	}, harness.Log.Lines()[:4])

	for input, message := range map[string]string{
		`{"url":"nope","targetPath":"a"}`:                      "there is no nope beside the template",
		`{"url":"../x","targetPath":"a"}`:                      "Relative path is not allowed",
		`{"url":"README.njk","targetPath":"../a"}`:             "Relative path is not allowed",
		`{"url":".","targetPath":"a"}`:                         ". beside the template is not a file",
		`{"url":"README.njk","targetPath":"docs/README.md/x"}`: "docs/README.md/x: ",
	} {
		_, err := harness.Run(t, tested, input)
		require.ErrorContains(t, err, message)
		require.False(t, action.IsTransient(err))
	}
}

func TestPlain(t *testing.T) {
	t.Parallel()
	harness := newHarness(t, map[string]string{
		"files/a": "${{ values.x }}", "files/d/b.bin": "\x00", "files/link": "->a", "files/out": "->../secret", "files/empty/": "", "secret": "s",
	})
	require.NoError(t, harness.Workspace.Mkdir("t", 0o755))
	require.NoError(t, harness.Workspace.WriteFile("t/a", []byte("an older file"), 0o644))
	_, err := harness.Run(t, actions(t, fetch.Options{})["fetch:plain"], `{"url":"./files","targetPath":"t"}`)
	require.NoError(t, err)
	require.Equal(t, map[string]string{
		"t/": "", "t/a": "${{ values.x }}", "t/d/": "", "t/d/b.bin": "\x00", "t/link": "->a", "t/empty/": "",
	}, tree(t, harness.Workspace))
	require.Equal(t, []string{
		"Fetching plain content from remote URL", "warn: Leaving out the symbolic link out, which leads out of the template",
	}, harness.Log.Lines())
}

func TestPlainFile(t *testing.T) {
	t.Parallel()
	harness := newHarness(t, map[string]string{"LICENSE": "Apache ${{ values.x }}"})
	tested := actions(t, fetch.Options{})["fetch:plain:file"]
	for range 2 {
		_, err := harness.Run(t, tested, `{"url":"LICENSE","targetPath":"legal/LICENSE.txt"}`)
		require.NoError(t, err)
	}
	require.Equal(t, map[string]string{"legal/": "", "legal/LICENSE.txt": "Apache ${{ values.x }}"}, tree(t, harness.Workspace))
	_, err := harness.Run(t, tested, `{"url":"LICENSE","targetPath":"/etc/x"}`)
	requireFinal(t, err, "NotAllowedError", "Relative path is not allowed")
}

// FuzzTemplateNames searches for a rendered name that creates a file outside the target.
func FuzzTemplateNames(f *testing.F) {
	for _, seed := range []string{"../x", "/etc/x", "a/../../x", "up/x", "a//b", ".", "..", "a/./b", "\x00"} {
		f.Add(seed)
	}
	tested := actions(f, fetch.Options{})["fetch:template"]
	f.Fuzz(func(t *testing.T, name string) {
		harness := newHarness(t, map[string]string{"s/${{ values.name }}": "x"})
		require.NoError(t, harness.Workspace.MkdirAll("a/target", 0o755))
		require.NoError(t, harness.Workspace.Symlink("..", "a/target/up"))
		call := harness.Call(`{"url":"s","targetPath":"a/target"}`)
		call.Input = []byte(fmt.Sprintf(`{"url":"s","targetPath":"a/target","values":{"name":%s}}`, quoted(t, name)))
		_, _ = tested.Run(t.Context(), call)
		for found := range tree(t, harness.Workspace) {
			require.True(t, found == "a/" || strings.HasPrefix(found, "a/target/"), found)
		}
	})
}

func quoted(t *testing.T, text string) []byte {
	t.Helper()
	encoded, err := json.Marshal(text)
	require.NoError(t, err)
	return encoded
}
