package processing

import (
	"context"
	"path"
	"path/filepath"
	"strings"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/integration"
)

// Check is what would be wrong with a document of the file at a location, as processing judges it: nil for nothing.
func (p *Pipeline) Check(ctx context.Context, document entity.Document, location entity.LocationSpec) []*entity.Error {
	reading := &run{pipeline: p, location: location, origin: location}
	child, err := reading.child(document, location, "")
	if err != nil {
		return []*entity.Error{asError(err)}
	}
	return p.Process(ctx, child.Document).Errors
}

// Checkout reads a directory of this machine as its host would serve it, for checks before files are pushed: its URLs
// are absolute paths. What is elsewhere is not looked at and taken to be there.
type Checkout struct {
	files *integration.Files
	root  string
}

// OpenCheckout opens a directory; links do not lead out of it. It must be closed.
func OpenCheckout(root string) (*Checkout, error) {
	files, err := integration.OpenFiles(root, integration.Limits{})
	return &Checkout{files: files, root: root}, err
}

// Close lets go of the directory.
func (c *Checkout) Close() error { return c.files.Close() }

func isElsewhere(url string) bool { return strings.Contains(url, "://") }

// Search implements Reader.
func (c *Checkout) Search(ctx context.Context, url string, _ integration.ReadOptions) (integration.SearchResult, error) {
	if isElsewhere(url) {
		return integration.SearchResult{Files: []integration.File{{URL: url}}}, nil
	}
	found, err := c.files.GlobFiles(ctx, filepath.FromSlash(url))
	files := make([]integration.File, len(found))
	for i, file := range found {
		files[i] = integration.File{URL: filepath.ToSlash(file.Path), Body: file.Body}
	}
	return integration.SearchResult{Files: files}, err
}

// ReadURL implements Reader. What is elsewhere reads as something that is text, JSON and YAML.
func (c *Checkout) ReadURL(_ context.Context, url string, _ integration.ReadOptions) (integration.Result, error) {
	if isElsewhere(url) {
		return integration.Result{Body: []byte("{}")}, nil
	}
	body, err := c.files.ReadFile(filepath.FromSlash(url))
	return integration.Result{Body: body}, err
}

// ResolveURL implements Reader. A leading slash is the root of the directory.
func (c *Checkout) ResolveURL(base, ref string) (string, error) {
	switch {
	case isElsewhere(ref):
		return ref, nil
	case strings.HasPrefix(ref, "/"):
		return path.Join(filepath.ToSlash(c.root), ref), nil
	default:
		return path.Join(path.Dir(base), ref), nil
	}
}

// EditURL implements Reader.
func (c *Checkout) EditURL(string) (string, bool) { return "", false }

// SameRepository implements Reader.
func (c *Checkout) SameRepository(string, string) bool { return true }

// ByURL implements Reader.
func (c *Checkout) ByURL(string) (integration.Integration, bool) {
	return integration.Integration{}, false
}
