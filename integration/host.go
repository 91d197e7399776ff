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

// Host is one configured source code host, and knows what its URLs mean. Each forge implements it in a
// package of its own. Methods that take a URL are only given one on this host. A Host is safe for concurrent
// use.
type Host interface {
	// Type is the forge's name, in Backstage's words.
	Type() string
	// Name is the host as it stands in URLs, with its port where it has one.
	Name() string
	// HasCredentials says whether requests carry credentials of the configuration's.
	HasCredentials() bool
	// CheckRepo says what a repoUrl of this host lacks: "missing owner".
	CheckRepo(repo Repo) error
	// Parse takes the URL of a repository, or of a file or directory in one, apart. Errors are for people to
	// read.
	Parse(target *url.URL) (Place, error)
	// Address is the path and the query of a place's URL. A ref stands in it so that Parse finds it whole
	// again.
	Address(place Place) *url.URL
	// Resolve makes ref, an absolute or a relative reference, absolute: read as a link in the file at base.
	Resolve(base *url.URL, ref string) (string, error)
	// EditURL is the page on which a person edits the file behind a URL; false when the host has none.
	EditURL(target *url.URL) (string, bool)
}

// Place is what a URL names on a host.
type Place struct {
	// Repository is the name of the repository, as the host's URLs have it: "acme/shop".
	Repository string
	// View is the host's word for how its pages show the place, such as blob or tree; "" is the repository
	// itself.
	View string
	// Ref is a branch, a tag or a commit; "" is the default branch.
	Ref string
	// RefIsWhole says that Ref is all of the name, even if Path follows it. A URL such as
	// blob/release/v3/docs leaves open whether v3 belongs to the branch.
	RefIsWhole bool
	// Path is relative to the repository's root, without slashes at its ends; "" is the root. It may be a
	// glob.
	Path string
}

// Readable is a Host whose repositories are read through its API.
type Readable interface {
	Host
	// Connect prepares to read the repository that a place is in, and asks the host nothing yet. token takes
	// the place of the configured credentials; "" leaves them.
	Connect(place Place, token string) (Repository, error)
}

// Repository is one repository on a host, read with one credential. Its errors are like those of Set.ReadURL:
// what the host does not have, or does not show, is a fault of kind NotFound.
type Repository interface {
	// DefaultBranch is the branch that a URL without a ref means.
	DefaultBranch(ctx context.Context) (string, error)
	// Commit is the hash of the commit that a ref names. It may be ErrNotModified when that is the one known.
	Commit(ctx context.Context, ref, known string) (string, error)
	// Refs lists the branches and tags whose names begin with a prefix. What the credential may not see has
	// none.
	Refs(ctx context.Context, prefix string) ([]string, error)
	// Open starts to read the file at a place. The answer's body is the content, to be closed, and its ETag
	// header the content's. ErrNotModified says that the content still has the given etag; "" asks in any
	// case. A place that is no file's is a *URLError.
	Open(ctx context.Context, place Place, etag string) (*http.Response, error)
	// List lists the files of a commit, at least those below a directory, or says ErrTooManyFiles.
	List(ctx context.Context, commit, directory string) ([]Entry, error)
	// Blob reads the content of a listed file, up to a number of bytes; a longer one is an error.
	Blob(ctx context.Context, commit string, entry Entry, limit int64) ([]byte, error)
	// Archive starts to read a commit as a gzipped tarball, in which everything lies below one directory. It
	// may hold no more than what is below directory, by its full path. The caller closes it.
	Archive(ctx context.Context, commit, directory string) (io.ReadCloser, error)
	// Remote is where Git finds the repository.
	Remote(ctx context.Context) (Remote, error)
}

// Remote is where Git clones a repository from, over HTTP, and what it authenticates with. The password is a
// secret, "" where the repository is read without.
type Remote struct{ URL, Username, Password string }

// Directory is a Host that can say where repositories may be created with the configured credentials. Errors
// are like those of Set.ReadURL.
type Directory interface {
	Host
	// Owners lists who the credentials may create repositories for, as far as the host tells.
	Owners(ctx context.Context) ([]Owner, error)
	// Availability says whether an owner may get a new repository of some name.
	Availability(ctx context.Context, owner, name string) (Availability, error)
}

// Owner is a person, or an organization or a group, who has repositories.
type Owner struct {
	Name string `json:"name"`
	// Kind is "user", "organization" or "group".
	Kind string `json:"kind" jsonschema:"enum=user,enum=organization,enum=group"`
}

// Kinds of owners.
const (
	OwnerUser         = "user"
	OwnerOrganization = "organization"
	OwnerGroup        = "group"
)

// Availability says whether a repository can be created, as far as that is known without trying.
type Availability struct {
	State AvailabilityState `json:"state" jsonschema:"enum=available,enum=taken,enum=refused,enum=unknown"`
	// Reason says why it is refused or unknown, "" otherwise.
	Reason string `json:"reason,omitempty"`
}

// AvailabilityState is the first word about a repository that is to be created.
type AvailabilityState string

const (
	// Available repositories are not there yet, and may be created.
	Available AvailabilityState = "available"
	// Taken ones are there.
	Taken AvailabilityState = "taken"
	// Refused ones are not there, and the credentials may not create them.
	Refused AvailabilityState = "refused"
	// Unknown ones cannot be told.
	Unknown AvailabilityState = "unknown"
)

// Entry is a regular file in a listing.
type Entry struct {
	// Path is relative to the repository's root.
	Path string
	// Hash is that of the content.
	Hash string
	// Size is in bytes, -1 when the listing does not say.
	Size int64
}

// ErrTooManyFiles says that a host does not list all files of a repository at once.
var ErrTooManyFiles = errors.New("the host does not list that many files")

// ModeSymlink is the mode of a symbolic link in Git, as hosts write it in listings.
const ModeSymlink = "120000"
