package draft_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/catalog/draft"
	"github.com/portico-dev/portico/catalog/entity"
)

func repository(contents map[string]string) draft.Repository {
	of := draft.Repository{Name: "pet-shop", SlugAnnotation: "github.com/project-slug", Slug: "acme/pet-shop", Contents: map[string][]byte{}}
	for path, content := range contents {
		of.Files = append(of.Files, draft.File{Path: path, Size: int64(len(content))})
	}
	for _, path := range draft.Wanted(of.Files) {
		of.Contents[path] = []byte(contents[path])
	}
	return of
}

// TestADraftIsWhatTheRepositoryTells: and it is valid.
func TestADraftIsWhatTheRepositoryTells(t *testing.T) {
	t.Parallel()
	of := repository(map[string]string{
		"Dockerfile": "FROM scratch", "main.go": strings.Repeat("x", 500), "web/app.ts": strings.Repeat("x", 400), "tool.sh": "x",
		"vendor/big.py": strings.Repeat("x", 9000), "mkdocs.yml": "site_name: x", "api/openapi.yaml": "# ours\nopenapi: 3.1.0\n", "docs/openapi.json": `{"title": "no such thing"}`,
		".github/CODEOWNERS": "# everything\n* @acme/shop-team joe@example.com\n/docs @writer\n", "vendor/x/openapi.yaml": "openapi: 3.0.0",
	})
	of.Description, of.Topics = " Sells pets ", []string{"Pets", "go", "b_2"}
	made := draft.New(of)
	require.Equal(t, `apiVersion: backstage.io/v1alpha1
kind: Component
metadata:
  name: pet-shop
  description: Sells pets
  annotations:
    backstage.io/techdocs-ref: dir:.
    github.com/project-slug: acme/pet-shop
  tags:
    - go
    - typescript
    - pets
    - b-2
spec:
  type: service
  lifecycle: unknown
  owner: group:shop-team
  providesApis:
    - pet-shop-api
---
apiVersion: backstage.io/v1alpha1
kind: API
metadata:
  name: pet-shop-api
spec:
  type: openapi
  lifecycle: unknown
  owner: group:shop-team
  definition:
    $text: ./api/openapi.yaml
`, made.Descriptor)
	require.Empty(t, made.Existing)
	require.Len(t, made.Entities, 2)
	reasons := map[string]string{}
	for _, field := range made.Fields {
		reasons[field.Field] = string(field.State) + ": " + field.Description
	}
	require.Equal(t, map[string]string{
		"metadata.name": "analysisSuggestedValue: The name of the repository", "metadata.tags": "analysisSuggestedValue: The languages of the files, and the topics of the repository",
		"metadata.annotations.backstage.io/techdocs-ref": "analysisSuggestedValue: There is a mkdocs.yml", "spec.type": "analysisSuggestedValue: There is a Dockerfile",
		"spec.lifecycle": "needsUserInput: Is it experimental, production or deprecated?", "spec.owner": "analysisSuggestedValue: The owner of everything in .github/CODEOWNERS",
		"spec.providesApis": "analysisSuggestedValue: There is a api/openapi.yaml"}, reasons)
	documents, err := entity.ParseYAML([]byte(made.Descriptor), "f")
	require.NoError(t, err)
	for i, document := range documents {
		require.Equal(t, made.Entities[i], document.Entity)
		if i == 0 {
			require.NoError(t, entity.Validate(document.Entity))
		}
	}
}

func TestDraftsOfUnusualRepositories(t *testing.T) {
	t.Parallel()
	component := func(of draft.Repository) entity.Entity {
		made := draft.New(of)
		require.NoError(t, entity.Validate(made.Entities[0].Clone()), made.Descriptor)
		return made.Entities[0]
	}
	empty := component(draft.Repository{Name: "x"})
	require.Equal(t, map[string]any{"type": "other", "lifecycle": "unknown", "owner": "unknown"}, empty.Spec())
	require.Equal(t, "documentation", component(repository(map[string]string{"mkdocs.yml": "", "docs/a.md": "x"})).Type())
	require.Equal(t, "documentation", component(repository(map[string]string{"README.md": "x"})).Type())
	require.Equal(t, "library", component(repository(map[string]string{"go.mod": "module x", "a.go": "x"})).Type())
	require.Equal(t, "website", component(repository(map[string]string{"package.json": "{}", "vite.config.ts": "x"})).Type())
	require.Equal(t, "other", component(repository(map[string]string{"a.go": "x"})).Type())
	require.Equal(t, "deprecated", component(draft.Repository{Name: "x", Archived: true}).Spec()["lifecycle"])
	for name, expected := range map[string]string{
		".github": "github", "Pet_Shop.js": "Pet_Shop.js", "ürsprung": "rsprung", "--": "component", strings.Repeat("a", 62) + "-b": strings.Repeat("a", 62), "a b/c": "a-b-c",
	} {
		require.Equal(t, expected, component(draft.Repository{Name: name}).Name(), name)
	}
	many := map[string]string{}
	for _, directory := range []string{"a", "b", "c/d", "c/e", "f", "g", "h", "i", "j", "k", "l", "m"} {
		many[directory+"/openapi.yaml"] = "openapi: 3.0.0"
	}
	apis := draft.New(repository(many)).Entities[1:]
	require.Len(t, apis, 10, "bounded")
	seen := map[string]bool{}
	for _, api := range apis {
		require.False(t, seen[api.Name()], api.Name())
		seen[api.Name()] = true
	}
	require.Equal(t, []string{"catalog-info.yaml", "b/catalog-info.yml"},
		draft.New(repository(map[string]string{"b/catalog-info.yml": "", "catalog-info.yaml": "", "node_modules/c/catalog-info.yaml": ""})).Existing)
}

func TestOwnersOfCodeOwners(t *testing.T) {
	t.Parallel()
	for content, owner := range map[string]string{
		"* @acme/team": "group:team", "* @Joe": "user:joe", "*  joe@example.com @acme/parent/Child # all": "group:child",
		"* @acme/one\n* @acme/two": "group:two", "/docs @acme/docs": "unknown", "# * @acme/team": "unknown", "* @acme/one\n*": "unknown",
		"** @acme/team": "group:team", "* @acme": "user:acme", "* not-an-owner": "unknown", "": "unknown",
	} {
		made := draft.New(repository(map[string]string{"CODEOWNERS": content}))
		require.Equal(t, owner, made.Entities[0].Spec()["owner"], content)
	}
	both := draft.New(repository(map[string]string{"CODEOWNERS": "* @acme/root", ".github/CODEOWNERS": "* @acme/github"}))
	require.Equal(t, "group:github", both.Entities[0].Spec()["owner"], "the first place counts")
}
