// Command cut makes the part of GitHub's published OpenAPI description that Portico uses: the operations of a
// list, and every component they refer to. Examples are left out, they are two thirds of the file.
//
//	npm pack @octokit/openapi@23.0.2
//	tar -xzf octokit-openapi-23.0.2.tgz package/generated/api.github.com.json
//	go run ./internal/githubapi/cut package/generated/api.github.com.json
//
// It reads operations.txt and writes github.json.gz, both beside package githubapi. With a directory and a name,
// it reads and writes there, for the description of another host:
//
//	go run ./internal/githubapi/cut v1_openapi3_json.tmpl internal/testkit/giteatest gitea.json.gz
//
// Of GitHub's GraphQL schema, it keeps all but the descriptions:
//
//	npm pack @octokit/graphql-schema@15.26.1
//	tar -xzf octokit-graphql-schema-15.26.1.tgz package/schema.graphql
//	go run ./internal/githubapi/cut package/schema.graphql
package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

func main() {
	directory, name := "internal/githubapi", "github.json.gz"
	if len(os.Args) == 4 {
		directory, name = os.Args[2], os.Args[3]
	} else if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: go run ./internal/githubapi/cut api.github.com.json [directory name]")
		os.Exit(2) //nolint:forbidigo // This is main.
	}
	if err := run(os.Args[1], directory, name); err != nil {
		fmt.Fprintln(os.Stderr, "cut:", err)
		os.Exit(1) //nolint:forbidigo // This is main.
	}
}

func run(source, directory, name string) error {
	if filepath.Ext(source) == ".graphql" {
		return runGraphQL(source, directory)
	}
	content, err := os.ReadFile(source)
	if err != nil {
		return err
	}
	var whole map[string]any
	if err := json.Unmarshal(content, &whole); err != nil {
		return fmt.Errorf("%s: %w", source, err)
	}
	operations, err := os.ReadFile(filepath.Join(directory, "operations.txt"))
	if err != nil {
		return err
	}
	part, err := cut(whole, strings.Fields(strings.ReplaceAll(string(operations), " ", "_")))
	if err != nil {
		return err
	}
	compressed, err := compress(part)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(directory, name), compressed, 0o644)
}

// cut takes the operations ("GET_/user") and what they refer to out of the whole description.
func cut(whole map[string]any, operations []string) (map[string]any, error) {
	paths, kept := map[string]any{}, map[string]any{}
	for _, operation := range operations {
		method, path, _ := strings.Cut(operation, "_")
		found := dig(whole, "paths", path, strings.ToLower(method))
		if found == nil {
			return nil, fmt.Errorf("operation %s %s: not in the description", method, path)
		}
		item, known := paths[path].(map[string]any)
		if !known {
			item = map[string]any{}
			paths[path] = item
		}
		item[strings.ToLower(method)] = trim(found, false)
	}
	part := map[string]any{
		"openapi": whole["openapi"], "info": whole["info"], "servers": whole["servers"], "paths": paths, "components": kept,
	}
	mend(paths)
	return part, follow(whole, kept, paths)
}

// mend corrects a slip of the description: in the list of installations, an account would have to be a user
// and an enterprise at once. For a single installation it says that either will do.
func mend(paths map[string]any) {
	account, ok := dig(paths, "/app/installations", "get", "responses", "200", "content", "application/json", "schema", "items",
		"properties", "account").(map[string]any)
	if both := account["allOf"]; ok && both != nil {
		delete(account, "allOf")
		account["anyOf"] = both
	}
}

// follow copies every component that a value refers to, and what those refer to.
func follow(whole, kept map[string]any, value any) error {
	switch value := value.(type) {
	case []any:
		for _, item := range value {
			if err := follow(whole, kept, item); err != nil {
				return err
			}
		}
	case map[string]any:
		if reference, ok := value["$ref"].(string); ok {
			return keep(whole, kept, reference)
		}
		for name, item := range value {
			if reference, ok := item.(string); ok && strings.HasPrefix(reference, "#/components/") {
				// A discriminator's mapping refers by plain text.
				item = map[string]any{"$ref": reference}
			}
			if err := follow(whole, kept, item); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	return nil
}

func keep(whole, kept map[string]any, reference string) error {
	steps := strings.Split(strings.TrimPrefix(reference, "#/components/"), "/")
	if len(steps) != 2 {
		return fmt.Errorf("reference %s: not to a component", reference)
	}
	kind, _ := kept[steps[0]].(map[string]any)
	if kind == nil {
		kind = map[string]any{}
		kept[steps[0]] = kind
	}
	if kind[steps[1]] != nil {
		return nil
	}
	found := dig(whole, "components", steps[0], steps[1])
	if found == nil {
		return fmt.Errorf("reference %s: %w", reference, errors.New("leads nowhere"))
	}
	kind[steps[1]] = trim(found, false)
	return follow(whole, kept, kind[steps[1]])
}

// trim leaves out what only documents. In a map of properties the keys are names, not keywords.
func trim(value any, names bool) any {
	switch value := value.(type) {
	case []any:
		trimmed := make([]any, len(value))
		for i, item := range value {
			trimmed[i] = trim(item, false)
		}
		return trimmed
	case map[string]any:
		trimmed := map[string]any{}
		for name, item := range value {
			if !names && (name == "example" || name == "examples" || name == "x-github" || name == "externalDocs") {
				continue
			}
			trimmed[name] = trim(item, !names && name == "properties")
		}
		return trimmed
	default:
		return value
	}
}

func dig(value any, names ...string) any {
	for _, name := range names {
		inner, ok := value.(map[string]any)
		if !ok {
			return nil
		}
		value = inner[name]
	}
	return value
}

// compress writes the same bytes for the same description.
func compress(part map[string]any) ([]byte, error) {
	encoded, err := json.Marshal(part)
	if err != nil {
		return nil, err
	}
	var compressed bytes.Buffer
	writer, err := gzip.NewWriterLevel(&compressed, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	_, err = writer.Write(encoded)
	if err = errors.Join(err, writer.Close()); err != nil {
		return nil, err
	}
	return compressed.Bytes(), nil
}
