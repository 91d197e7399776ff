package processing

import (
	"context"
	"path"
	"path/filepath"
	"strings"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/integration/provenance"
)

// Check returns the error that processing would report for a document of the file at a location, nil for
// none.
func (p *Pipeline) Check(ctx context.Context, document entity.Document, location entity.LocationSpec) []*entity.Error {
	reading := &run{pipeline: p, origin: location}
	child, err := reading.child(ctx, document, location, "")
	if err != nil {
		return []*entity.Error{asError(err)}
	}
	return p.Process(ctx, *child).Errors
}

// Checkout is a Reader of a local directory, for checks before files are pushed. Its URLs are absolute paths.
// It does not read files outside the directory and assumes that they exist.
type Checkout struct {
	files *integration.Files
	root  string
}

// NewCheckout opens a directory by its absolute path. Links that lead out of it are not followed.
func NewCheckout(root string) (*Checkout, error) {
	files, err := integration.NewFiles([]string{root}, integration.Limits{})
	return &Checkout{files: files, root: root}, err
}

// Files reads the directory's files for locations of type file.
func (c *Checkout) Files() *integration.Files { return c.files }

func isElsewhere(url string) bool { return strings.Contains(url, "://") }

// Search implements Reader.
func (c *Checkout) Search(ctx context.Context, url string, _ integration.ReadOptions) (integration.SearchResult, error) {
	if isElsewhere(url) {
		return integration.SearchResult{Files: []integration.File{{URL: url}}}, nil
	}
	found, err := c.files.Glob(ctx, provenance.At(provenance.File, filepath.FromSlash(url)))
	if fault.KindOf(err) == fault.NotAllowed {
		return integration.SearchResult{}, fault.New(fault.NotAllowed, "%s is not below %s", url, c.root)
	}
	files := make([]integration.File, len(found))
	for i, file := range found {
		files[i] = integration.File{URL: filepath.ToSlash(file.Path), Body: file.Body}
	}
	return integration.SearchResult{Files: files}, err
}

// ReadURL implements Reader. A file outside the directory reads as a fixed content that is valid text, JSON
// and YAML.
func (c *Checkout) ReadURL(ctx context.Context, url string, options integration.ReadOptions) (integration.Result, error) {
	if isElsewhere(url) {
		return integration.Result{Body: []byte("{}")}, nil
	}
	found, err := c.Search(ctx, url, options)
	if err == nil && len(found.Files) == 0 {
		err = fault.New(fault.NotFound, "file %s does not exist", url)
	}
	if err != nil {
		return integration.Result{}, err
	}
	return integration.Result{Body: found.Files[0].Body}, nil
}

// ResolveURL implements Reader. A leading slash means the directory itself.
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
func (c *Checkout) ByURL(string) (integration.Host, bool) {
	return nil, false
}
