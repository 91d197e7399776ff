package integration

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
)

// Types of source code hosts, in Backstage's names.
const (
	TypeGitHub          = "github"
	TypeGitLab          = "gitlab"
	TypeAzure           = "azure"
	TypeBitbucketCloud  = "bitbucketCloud"
	TypeBitbucketServer = "bitbucketServer"
	TypeGerrit          = "gerrit"
	TypeGitea           = "gitea"
)

// Host is one configured source code host. It parses its URLs. Each forge implements it in a package of its
// own. Methods that take a URL get URLs on this host only. A Host is safe for concurrent use.
type Host interface {
	// Type is the forge's name, in Backstage's words.
	Type() string
	// Name is the host as URLs contain it, with its port if any.
	Name() string
	// HasCredentials reports whether the configuration has credentials for the host.
	HasCredentials() bool
	// CheckRepo returns an error for a part that a repoUrl of this host lacks: "missing owner".
	CheckRepo(repo Repo) error
	// Parse parses the URL of a repository, or of a file or directory in one. Errors are for people.
	Parse(target *url.URL) (Place, error)
	// Address is the path and the query of a place's URL. Parse returns the complete ref from it.
	Address(place Place) *url.URL
	// Resolve makes ref, an absolute or relative link in the file at base, absolute.
	Resolve(base *url.URL, ref string) (string, error)
	// EditURL is the page on which a person edits the file of a URL; false when there is none.
	EditURL(target *url.URL) (string, bool)
}

// Place is a repository, or a file or directory in it, as a URL names it.
type Place struct {
	// Repository is the name of the repository as in the host's URLs: "acme/shop".
	Repository string
	// View is the part of the URL that selects a page, such as blob or tree; "" is the repository's own page.
	View string
	// Ref is a branch, a tag or a commit; "" is the default branch.
	Ref string
	// RefIsWhole means that Ref is the complete name, even if Path follows it. A URL such as
	// blob/release/v3/docs does not show whether v3 belongs to the branch.
	RefIsWhole bool
	// Path is relative to the repository's root, without slashes at its ends; "" is the root. It may be a
	// glob.
	Path string
}

// Readable is a Host whose repositories are read through its API.
type Readable interface {
	Host
	// Connect prepares to read the repository of a place without a request to the host. token replaces the
	// configured credentials; "" keeps them.
	Connect(place Place, token string) (Repository, error)
}

// Repository is one repository on a host, read with one credential. Its errors are like those of Set.ReadURL:
// what does not exist, or may not be read, is a fault of kind NotFound.
type Repository interface {
	// DefaultBranch is the branch of URLs without a ref, "" for a repository that has no branch yet.
	DefaultBranch(ctx context.Context) (string, error)
	// Commit is the hash of a ref's commit. It may return ErrNotModified when that is known.
	Commit(ctx context.Context, ref, known string) (string, error)
	// Refs lists the branches and tags whose names begin with a prefix. It returns none for a repository that
	// the credential may not read.
	Refs(ctx context.Context, prefix string) ([]string, error)
	// Open opens the file at a place. The caller closes the response's body, which is the content. The
	// response's ETag header is the content's. ErrNotModified means that the content still has the given
	// etag; "" always reads. A place that is not a file is a *URLError.
	Open(ctx context.Context, place Place, etag string) (*http.Response, error)
	// List lists the files of a commit, at least those below a directory, or returns ErrTooManyFiles.
	List(ctx context.Context, commit, directory string) ([]Entry, error)
	// Blob reads the content of a listed file. A content longer than limit is an error.
	Blob(ctx context.Context, commit string, entry Entry, limit int64) ([]byte, error)
	// Archive opens a commit as a gzipped tarball, whose files are all below one directory. It may contain
	// only the files below directory, with their full paths. The caller closes it.
	Archive(ctx context.Context, commit, directory string) (io.ReadCloser, error)
	// Remote is the repository's address for Git. Actions that publish ask the host for it when they create the
	// repository.
	Remote(ctx context.Context) (Remote, error)
}

// Remote is the URL from which Git clones a repository over HTTP, with credentials. Password is a secret, ""
// without authentication.
type Remote struct{ URL, Username, Password string }

// Directory is a Host that knows whether the configured credentials may create a repository. Errors are like
// those of Set.ReadURL.
type Directory interface {
	Host
	// Availability reports whether an owner may get a new repository with a name.
	Availability(ctx context.Context, owner, name string) (Availability, error)
}

// BranchLister is a Host that lists the branches of a repository. Errors are like those of Set.ReadURL.
type BranchLister interface {
	Host
	// Branches lists the branches whose names begin with a prefix, as many as the host lists at once. The
	// repository has the parts that CheckRepo requires. token replaces the configured credentials; "" keeps
	// them.
	Branches(ctx context.Context, repo Repo, prefix, token string) ([]string, error)
}

// Availability says whether a repository can be created, as far as that is known without trying.
type Availability struct {
	State AvailabilityState `json:"state" jsonschema:"enum=available,enum=taken,enum=refused,enum=unknown"`
	// Reason says why the state is refused or unknown, "" otherwise.
	Reason string `json:"reason,omitempty"`
}

// AvailabilityState is the state of a repository name.
type AvailabilityState string

const (
	// Available means that no such repository exists, and that it may be created.
	Available AvailabilityState = "available"
	// Taken means that the repository exists.
	Taken AvailabilityState = "taken"
	// Refused means that no such repository exists, and that the credentials may not create it.
	Refused AvailabilityState = "refused"
	// Unknown means that the state could not be found out.
	Unknown AvailabilityState = "unknown"
)

// Entry is a regular file in a listing.
type Entry struct {
	// Path is relative to the repository's root.
	Path string
	// Hash is the hash of the content.
	Hash string
	// Size is in bytes, -1 when the listing has no sizes.
	Size int64
}

// ErrTooManyFiles means that a host does not list all files of a repository at once.
var ErrTooManyFiles = errors.New("the host does not list that many files")

// ModeSymlink is the mode of a symbolic link in Git, as hosts write it in listings.
const ModeSymlink = "120000"
