// Package secretpaths lists the secrets that an entity has in HashiCorp Vault, for those who may see it: where they
// are, never what they contain. The annotations are those of Backstage's plugin for Vault.
//
// An entity's author says by annotations where its secrets are. Whoever may write the entity can so show any path that
// Portico's token may list: who has portico.vault.read may see them all.
package secretpaths

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"

	"github.com/portico-dev/portico/catalog/entity"
	"github.com/portico-dev/portico/identity"
	"github.com/portico-dev/portico/integration/internal/cache"
	"github.com/portico-dev/portico/integration/subject"
	"github.com/portico-dev/portico/policy"
	"github.com/portico-dev/portico/vault"
)

const (
	// freshFor is how long an answer is shown again.
	freshFor = 10 * time.Second
	// deadline bounds what is asked for one entity.
	deadline = 15 * time.Second
	// maxSecrets bounds the secrets of an entity, and maxFolders the folders that are listed for it.
	maxSecrets, maxFolders = 200, 50
)

// The annotations by which an entity says where its secrets are. The path "/" is the whole engine.
const (
	annotationPath   = "vault.io/secrets-path"
	annotationEngine = "vault.io/secrets-engine"
)

// DefaultEngine is the engine of entities that name none, as in Backstage.
const DefaultEngine = "secrets"

// Options are the dependencies of a Service. Entities and Sessions are required.
type Options struct {
	Entities subject.Finder
	Sessions *vault.Sessions
	// Engine is where the secrets are of entities that name no engine; "" is DefaultEngine.
	Engine string
	// PublicURL is Vault's address for people, to whose pages secrets link; "" links to none.
	PublicURL string
}

// Service answers questions about the secrets of entities.
type Service struct {
	options Options
	answers cache.Cache[Listing]
}

// New makes a Service. It makes no request.
func New(options Options) *Service {
	options.Engine = cmp.Or(options.Engine, DefaultEngine)
	return &Service{options: options}
}

// Secret is where a secret is.
type Secret struct {
	// Engine is where the secrets engine is mounted, and Path where the secret is in it.
	Engine, Path string
	// URL is its page of Vault, "" without one.
	URL string
}

// Listing is the secrets of an entity.
type Listing struct {
	Secrets []Secret
	// Problem is why there may be more, "" when these are all.
	Problem string
}

// Of lists the secrets of an entity. It is empty for an entity without the annotation, and without a Vault.
func (s *Service) Of(ctx context.Context, principal identity.Principal, ref entity.Ref) (Listing, error) {
	about, err := s.options.Entities.Find(ctx, principal, policy.VaultRead, ref)
	if err != nil {
		return Listing{}, err
	}
	annotated := about.Annotation(annotationPath)
	if annotated == "" {
		return Listing{}, nil
	}
	at := folder{engine: strings.Trim(cmp.Or(about.Annotation(annotationEngine), s.options.Engine), "/"), path: strings.Trim(annotated, "/")}
	if !isPath(at.engine) || at.path != "" && !isPath(at.path) {
		return Listing{Problem: fmt.Sprintf("The annotations %s and %s of the entity are not the path of secrets: correct them where the entity is described.",
			annotationPath, annotationEngine)}, nil
	}
	return s.answers.Get(ctx, at.String(), func(ctx context.Context) (cache.Fresh[Listing], error) {
		return cache.Fresh[Listing]{Value: s.list(ctx, at), Until: time.Now().Add(freshFor)}, nil
	})
}

// isPath says that a text from an annotation names a place, and cannot lead to another.
func isPath(text string) bool {
	for part := range strings.SplitSeq(text, "/") {
		if part == "" || part == "." || part == ".." || strings.ContainsFunc(part, unicode.IsControl) {
			return false
		}
	}
	return true
}

// folder is a place in an engine, the whole engine for the path "".
type folder struct{ engine, path string }

func (f folder) String() string { return f.engine + "/" + f.path }

// in is the path of something in the folder.
func (f folder) in(name string) string {
	if f.path == "" {
		return name
	}
	return f.path + "/" + name
}

// list asks Vault.
func (s *Service) list(ctx context.Context, at folder) Listing {
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	session, err := s.options.Sessions.Session(ctx)
	if errors.Is(err, vault.ErrNotConfigured) {
		return Listing{}
	}
	if err == nil {
		err = session.RequireKV2(ctx, at.engine)
	}
	if err != nil {
		return Listing{Problem: fmt.Sprintf("The secrets engine %s/ cannot be asked: %s.", at.engine, reason(err))}
	}
	return s.walk(ctx, session, at)
}

// walk lists a folder, and the folders below it.
func (s *Service) walk(ctx context.Context, session *vault.Session, top folder) Listing {
	var listing Listing
	folders := []folder{top}
	for listed := 0; listed < len(folders); listed++ {
		if listed == maxFolders {
			listing.Problem = fmt.Sprintf("Only the secrets of %d folders are shown.", maxFolders)
			return listing
		}
		at := folders[listed]
		names, err := session.ListKV2(ctx, at.engine, at.path)
		if err != nil {
			listing.Problem = fmt.Sprintf("The secrets in %s cannot be listed: %s.", at, reason(err))
			return listing
		}
		for _, name := range names {
			if below, isFolder := strings.CutSuffix(name, "/"); isFolder {
				folders = append(folders, folder{at.engine, at.in(below)})
				continue
			}
			if len(listing.Secrets) == maxSecrets {
				listing.Problem = fmt.Sprintf("Only the first %d secrets are shown.", maxSecrets)
				return listing
			}
			listing.Secrets = append(listing.Secrets, Secret{Engine: at.engine, Path: at.in(name), URL: s.page(at.engine, at.in(name))})
		}
	}
	return listing
}

// reason is why Vault could not be asked, in one line.
func reason(err error) string {
	if answer, is := errors.AsType[*vault.AnswerError](err); is && answer.Status == http.StatusForbidden {
		return "Vault refuses it to Portico's token, whose policy needs the right to list there"
	}
	return strings.Join(strings.Fields(err.Error()), " ")
}

// page is Vault's page of a secret, at the address that Backstage's plugin links to.
func (s *Service) page(engine, path string) string {
	if s.options.PublicURL == "" {
		return ""
	}
	parts := strings.Split(path, "/")
	for n, part := range parts {
		parts[n] = url.PathEscape(part)
	}
	return strings.TrimRight(s.options.PublicURL, "/") + "/ui/vault/secrets/" + url.PathEscape(engine) + "/show/" + strings.Join(parts, "/")
}
