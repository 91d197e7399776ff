// Package job does what a job of CI, or somebody at a desk, does with documentation: it generates a site into a directory, and shows
// it while it is being written. Package techdocs/store publishes what is generated.
package job

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/techdocs"
	"github.com/portico-dev/portico/techdocs/store"
)

// Generation is a site that is made of a directory.
type Generation struct {
	// Source is the directory in which mkdocs.yml is, and Output the one that becomes the site.
	Source, Output string
	Generator      techdocs.Generator
	// Options are those of the generator. Without an ETag, the site gets one of what is in it.
	Options techdocs.Options
}

// Generate makes the site. An error leaves Output as it was.
func Generate(ctx context.Context, of Generation) (report techdocs.Report, err error) {
	source, output, err := of.directories()
	if err != nil {
		return report, err
	}
	if err := os.MkdirAll(output, 0o755); err != nil {
		return report, fmt.Errorf("the directory of the site: %w", err)
	}
	if err := checkReplaceable(output); err != nil {
		return report, err
	}
	// It is within the directory, so that its files can be moved.
	made, err := os.MkdirTemp(output, ".techdocs-")
	if err != nil {
		return report, fmt.Errorf("the directory of the site: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(made)) }()
	if report, err = of.Generator.Generate(ctx, source, made, of.Options); err != nil {
		return report, err
	}
	if of.Options.ETag == "" {
		if err := addETag(made); err != nil {
			return report, err
		}
	}
	return report, replace(output, made)
}

// directories are the absolute ones.
func (g Generation) directories() (source, output string, err error) {
	if source, err = filepath.Abs(g.Source); err != nil {
		return "", "", err
	}
	if output, err = filepath.Abs(g.Output); err != nil {
		return "", "", err
	}
	if info, err := os.Stat(source); err != nil || !info.IsDir() {
		return "", "", fault.Wrap(fault.Input, err, "%s is no directory: it is where mkdocs.yml is", g.Source)
	}
	if within, err := filepath.Rel(output, source); err == nil && filepath.IsLocal(within) {
		return "", "", fault.New(fault.Input, "The site cannot replace %s: the source is in it", output)
	}
	return source, output, nil
}

// isHidden tells files that belong to other programs. They stay, as with MkDocs.
func isHidden(entry fs.DirEntry) bool { return strings.HasPrefix(entry.Name(), ".") }

// checkReplaceable makes sure that a directory is empty or has a site. Anything else was not meant.
func checkReplaceable(output string) error {
	entries, err := os.ReadDir(output)
	if err != nil {
		return err
	}
	entries = slices.DeleteFunc(entries, isHidden)
	isSite := func(entry fs.DirEntry) bool {
		return slices.Contains([]string{store.MetadataFile, "index.html", "404.html"}, entry.Name())
	}
	if len(entries) > 0 && !slices.ContainsFunc(entries, isSite) {
		return fault.New(fault.Input, "%s has files and is no site: the site would replace them. Name another directory, or empty it", output)
	}
	return nil
}

// replace moves what was made in place of what is there.
func replace(output, made string) error {
	for _, step := range []struct {
		in string
		do func(name string) error
	}{
		{output, func(name string) error { return os.RemoveAll(filepath.Join(output, name)) }},
		{made, func(name string) error { return os.Rename(filepath.Join(made, name), filepath.Join(output, name)) }},
	} {
		entries, err := os.ReadDir(step.in)
		if err != nil {
			return err
		}
		for _, entry := range entries {
			if isHidden(entry) && step.in == output {
				continue
			}
			if err := step.do(entry.Name()); err != nil {
				return fmt.Errorf("replace the site in %s: %w", output, err)
			}
		}
	}
	return nil
}

// varying are files that differ each time a site is made.
var varying = []string{store.MetadataFile, "sitemap.xml", "sitemap.xml.gz"}

// addETag writes into the metadata of a site a digest of what is in it, by which `publish --skip-if-unchanged` knows it.
func addETag(site string) error {
	digest := sha256.New()
	err := filepath.WalkDir(site, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(site, path)
		if err != nil || slices.Contains(varying, filepath.ToSlash(name)) {
			return err
		}
		content, err := digestOf(path)
		fmt.Fprintf(digest, "%s\x00%s\n", filepath.ToSlash(name), content)
		return err
	})
	if err != nil {
		return fmt.Errorf("the digest of the site: %w", err)
	}
	path := filepath.Join(site, store.MetadataFile)
	written, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("the metadata of the site: %w", err)
	}
	var metadata map[string]json.RawMessage
	if err := json.Unmarshal(written, &metadata); err != nil {
		return fmt.Errorf("the metadata of the site: %w", err)
	}
	metadata["etag"] = json.RawMessage(`"` + hex.EncodeToString(digest.Sum(nil)) + `"`)
	var changed bytes.Buffer
	encoder := json.NewEncoder(&changed)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(metadata); err != nil {
		return fmt.Errorf("the metadata of the site: %w", err)
	}
	return os.WriteFile(path, changed.Bytes(), 0o644)
}

func digestOf(path string) (digest string, err error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	hash := sha256.New()
	if _, err := io.Copy(hash, file); err != nil {
		return "", err
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}
