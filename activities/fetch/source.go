package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path"

	"github.com/portico-dev/portico/fault"
	"github.com/portico-dev/portico/integration"
	"github.com/portico-dev/portico/scaffolder/action"
	"github.com/portico-dev/portico/scaffolder/workspace"
)

// request is what a step asks to fetch.
type request struct {
	URL, Token string
}

// isLocal reports whether a request is for a file or directory beside the template on this machine.
func (r request) isLocal(call *action.Call) bool {
	return call.Template.Base.IsLocal() && !isAbsolute(r.URL)
}

func isAbsolute(text string) bool {
	parsed, err := url.Parse(text)
	return err == nil && parsed.IsAbs()
}

// address resolves the URL against the template's, and checks that the request may read from its host.
func (o Options) address(call *action.Call, r request) (string, error) {
	address, err := o.resolve(call.Template.Base.BaseURL(), r)
	if err != nil {
		return "", err
	}
	return address, o.checkCredentials(address, r)
}

func (o Options) resolve(base string, r request) (string, error) {
	if isAbsolute(r.URL) {
		return r.URL, nil
	}
	if base == "" {
		return "", action.InputError("Failed to fetch, template location could not be determined and the fetch URL is relative, %s", r.URL)
	}
	resolved, err := o.Sources.ResolveURL(base, r.URL)
	if err != nil {
		return "", action.InputError("No integration found for location %s", base)
	}
	return resolved, nil
}

// checkCredentials requires the user's token for an address on a host of an integration where the
// configuration says so. The address is complete: a URL that begins with // names another host than the
// template's.
func (o Options) checkCredentials(address string, r request) error {
	host, found := o.Sources.ByURL(address)
	if !found {
		return nil
	}
	return action.RequireUserToken(o.RequireUserCredentials, r.Token, host.Name())
}

// readFile reads one file, beside the template or from a host.
func (o Options) readFile(ctx context.Context, call *action.Call, r request) ([]byte, error) {
	if r.isLocal(call) {
		return o.readLocal(call, r.URL)
	}
	address, err := o.address(call, r)
	if err != nil {
		return nil, err
	}
	read, err := o.Sources.ReadURL(ctx, address, integration.ReadOptions{Token: r.Token})
	if err != nil {
		return nil, action.Classify(err)
	}
	return read.Body, nil
}

// maxFileBytes bounds a file that is fetched by itself.
const maxFileBytes = 10 << 20

func (o Options) readLocal(call *action.Call, name string) ([]byte, error) {
	root, err := o.besideTemplate(call)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	relative, err := workspace.Resolve(root, name)
	if err != nil {
		return nil, err
	}
	info, err := root.Stat(relative)
	if err != nil {
		return nil, missing(name, err)
	}
	if !info.Mode().IsRegular() || info.Size() > maxFileBytes {
		return nil, action.InputError("%s beside the template is not a file of at most %d bytes", name, maxFileBytes)
	}
	content, err := root.ReadFile(relative)
	if err != nil {
		return nil, missing(name, err)
	}
	return content, nil
}

// besideTemplate opens the directory that the template lies in.
func (o Options) besideTemplate(call *action.Call) (*os.Root, error) {
	root, err := o.Files.OpenParent(call.Template.Base)
	if err == nil {
		return root, nil
	}
	failed := fmt.Errorf("open the directory that the template lies in: %w", err)
	if fault.KindOf(err) != "" {
		return nil, action.Advise(action.Final(failed),
			"Move the template beside a file of catalog.locations, or add its directory to portico.files.directories, restart the workers, and retry.")
	}
	return nil, action.Advise(action.Final(failed), "See to it that every worker can read that directory, and retry.")
}

func withoutPath(err error) error {
	if failure, is := errors.AsType[*fs.PathError](err); is {
		return failure.Err
	}
	return err
}

// missing says that a file or directory beside the template cannot be read.
func missing(name string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return action.Advise(action.Final(fault.New(fault.NotFound, "there is no %s beside the template", name)),
			"Put it there and retry, or correct the template and start a new run.")
	}
	return action.Final(fmt.Errorf("%s beside the template: %w", name, withoutPath(err)))
}

// openTree opens a directory to read from: beside the template, or a copy of one on a host. Close it after
// use.
func (o Options) openTree(ctx context.Context, call *action.Call, r request) (root *os.Root, closeTree func() error, err error) {
	if r.isLocal(call) {
		root, err := o.openLocal(call, r.URL)
		if err != nil {
			return nil, nil, err
		}
		return root, root.Close, nil
	}
	return o.download(ctx, call, r)
}

func (o Options) openLocal(call *action.Call, name string) (*os.Root, error) {
	beside, err := o.besideTemplate(call)
	if err != nil {
		return nil, err
	}
	defer beside.Close()
	relative, err := workspace.Resolve(beside, name)
	if err != nil {
		return nil, err
	}
	root, err := beside.OpenRoot(relative)
	if err != nil {
		return nil, missing(name, err)
	}
	return root, nil
}

// scratchName is a directory for downloads. It lies in the workspace, so that it is on the same disk and is
// deleted with it after a crash too.
const scratchName = ".portico-download"

// download copies a tree from a host into a scratch directory. The returned function closes and removes it.
func (o Options) download(ctx context.Context, call *action.Call, r request) (*os.Root, func() error, error) {
	if err := call.Workspace.Mkdir(scratchName, 0o700); err != nil {
		return nil, nil, action.Final(fmt.Errorf("directory for the download: %w", err))
	}
	remove := func() error { return call.Workspace.RemoveAll(scratchName) }
	scratch, err := call.Workspace.OpenRoot(scratchName)
	if err != nil {
		return nil, nil, errors.Join(action.Final(err), remove())
	}
	closeScratch := func() error { return errors.Join(scratch.Close(), remove()) }
	if err := o.copyTree(ctx, call, r, scratch); err != nil {
		return nil, nil, errors.Join(err, closeScratch())
	}
	return scratch, closeScratch, nil
}

// copyTree copies a tree from a host, as it is.
func (o Options) copyTree(ctx context.Context, call *action.Call, r request, to *os.Root) error {
	address, err := o.address(call, r)
	if err != nil {
		return err
	}
	tree, err := o.Sources.ReadTree(ctx, address, integration.ReadOptions{Token: r.Token})
	if err != nil {
		return action.Classify(err)
	}
	defer tree.Close()
	made := directories{root: to}
	for file, err := range tree.Files() {
		if err != nil {
			return action.Classify(err)
		}
		if err := made.above(file.Path); err != nil {
			return workspace.ExplainPath(file.Path, err)
		}
		if file.Mode&fs.ModeSymlink != 0 {
			err = replaceLink(to, file.Link, file.Path)
		} else {
			err = replaceFile(to, file.Path, file.Mode.Perm(), file.Content)
		}
		if err != nil {
			return workspace.ExplainPath(file.Path, err)
		}
	}
	return nil
}

// directories creates the parent directories of files, each once.
type directories struct {
	root *os.Root
	made map[string]bool
}

func (d *directories) above(name string) error {
	directory := path.Dir(name)
	if directory == "." || d.made[directory] {
		return nil
	}
	if err := d.root.MkdirAll(directory, 0o755); err != nil {
		return err
	}
	if d.made == nil {
		d.made = map[string]bool{}
	}
	d.made[directory] = true
	return nil
}

// replaceFile writes a file with exactly this mode, and replaces an existing one.
func replaceFile(root *os.Root, name string, mode fs.FileMode, content io.Reader) (err error) {
	file, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode|0o200)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if _, err := io.Copy(file, content); err != nil {
		return err
	}
	return file.Chmod(mode)
}

// replaceLink creates a symbolic link, and replaces what has its name.
func replaceLink(root *os.Root, target, name string) error {
	if err := root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return root.Symlink(target, name)
}
