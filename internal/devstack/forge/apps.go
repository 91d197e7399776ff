package forge

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// App is a GitHub App as registered by its owner.
type App struct {
	ID   int64
	Name string
	// PublicKey is the public key of the App's key pair.
	PublicKey *rsa.PublicKey
	// Permissions are the permissions of its installations: {"contents": "write"}. Reading metadata is always
	// included.
	Permissions map[string]string
}

// Installation is an App at one owner.
type Installation struct {
	AppID int64
	Owner string
	// Repositories are the only ones it may access, by name; nil means all. Repositories that the App creates
	// are added.
	Repositories []string
	// Suspended means that the owner has suspended the App.
	Suspended bool
}

// registration is the forge's record of an App, one file each under apps/. A stored value is immutable.
type registration struct {
	ID          int64             `json:"id"`
	Name        string            `json:"name"`
	PublicKey   string            `json:"publicKey"`
	Permissions map[string]string `json:"permissions"`
	// Installations are by login in lower case.
	Installations map[string]installed `json:"installations"`
}

// installed is an installation with its permissions.
type installed struct {
	ID int64 `json:"id"`
	// Login is the owner's.
	Login        string     `json:"login"`
	Repositories []string   `json:"repositories,omitempty"`
	CreatedAt    time.Time  `json:"createdAt"`
	SuspendedAt  *time.Time `json:"suspendedAt"`
}

// selection is GitHub's word for whether an installation is for all of an owner's repositories.
func (i installed) selection() string {
	if len(i.Repositories) == 0 {
		return "all"
	}
	return "selected"
}

// includes reports whether the installation is for a repository.
func (i installed) includes(repo *repository) bool {
	return strings.EqualFold(i.Login, repo.Owner) && (len(i.Repositories) == 0 || containsName(i.Repositories, repo.Name))
}

func containsName(names []string, name string) bool {
	return slices.ContainsFunc(names, func(one string) bool { return strings.EqualFold(one, name) })
}

// key is the public key that verifies the App's assertions.
func (r *registration) key() (*rsa.PublicKey, error) {
	block, _ := pem.Decode([]byte(r.PublicKey))
	if block == nil {
		return nil, fmt.Errorf("public key of App %d: not in PEM", r.ID)
	}
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	if key, is := parsed.(*rsa.PublicKey); err == nil && is {
		return key, nil
	}
	return nil, fmt.Errorf("public key of App %d: not an RSA key", r.ID)
}

// AddApp registers an App, or updates it. It keeps the App's installations.
func (f *Forge) AddApp(app App) error {
	encoded, err := x509.MarshalPKIXPublicKey(app.PublicKey)
	if err != nil {
		return fmt.Errorf("local Git forge: App %d: %w", app.ID, err)
	}
	permissions := map[string]string{"metadata": "read"}
	maps.Copy(permissions, app.Permissions)
	return f.store.putApp(app.ID, func(registered *registration) error {
		registered.Name, registered.Permissions = app.Name, permissions
		registered.PublicKey = string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: encoded}))
		return nil
	})
}

// Install installs an App, or updates the installation.
func (f *Forge) Install(installation Installation) error {
	owner, err := f.store.owner(installation.Owner)
	if err != nil {
		return fmt.Errorf("local Git forge: install App %d: %w", installation.AppID, err)
	}
	return f.changeInstallation(installation.AppID, owner.Login, func(found *installed) {
		if found.ID == 0 {
			*found = installed{ID: f.store.nextID(), Login: owner.Login, CreatedAt: now()}
		}
		found.Repositories, found.SuspendedAt = installation.Repositories, nil
		if installation.Suspended {
			found.SuspendedAt = new(now())
		}
	})
}

// Uninstall removes an App from an owner. The installation's tokens become invalid.
func (f *Forge) Uninstall(appID int64, owner string) error {
	return f.store.putApp(appID, func(registered *registration) error {
		delete(registered.Installations, strings.ToLower(owner))
		return nil
	})
}

func (f *Forge) changeInstallation(appID int64, login string, change func(*installed)) error {
	if _, err := f.store.app(appID); err != nil {
		return fmt.Errorf("local Git forge: %w", err)
	}
	return f.store.putApp(appID, func(registered *registration) error {
		found := registered.Installations[strings.ToLower(login)]
		change(&found)
		if registered.Installations == nil {
			registered.Installations = map[string]installed{}
		}
		registered.Installations[strings.ToLower(login)] = found
		return nil
	})
}

func (s *store) readApps() error {
	files, err := filepath.Glob(s.path("apps", "*.json"))
	if err != nil {
		return err
	}
	for _, file := range files {
		registered := &registration{}
		if err := readJSON(file, registered); err != nil {
			return fmt.Errorf("App: %w", err)
		}
		s.apps[registered.ID] = registered
		for _, found := range registered.Installations {
			s.lastID = max(s.lastID, found.ID)
		}
	}
	return nil
}

func (s *store) app(id int64) (*registration, error) {
	s.mutex.RLock()
	defer s.mutex.RUnlock()
	if registered, ok := s.apps[id]; ok {
		return registered, nil
	}
	return nil, fmt.Errorf("App %d: %w", id, errNotFound)
}

// installation finds an installation by its id.
func (s *store) installation(id int64) (*registration, installed, error) {
	s.mutex.RLock()
	defer s.mutex.RUnlock()
	for _, registered := range s.apps {
		for _, found := range registered.Installations {
			if found.ID == id {
				return registered, found, nil
			}
		}
	}
	return nil, installed{}, fmt.Errorf("installation %d: %w", id, errNotFound)
}

// putApp registers an App, or changes the one of the same id.
func (s *store) putApp(id int64, change func(*registration) error) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	changed := &registration{ID: id}
	if existing, ok := s.apps[id]; ok {
		var err error
		if changed, err = clone(existing); err != nil {
			return err
		}
	}
	if err := change(changed); err != nil {
		return err
	}
	if err := writeJSON(s.path("apps", strconv.FormatInt(id, 10)+".json"), changed); err != nil {
		return fmt.Errorf("App %d: %w", id, err)
	}
	s.apps[id] = changed
	return nil
}

// tokenLifetime is the lifetime of an installation's token on GitHub.
const tokenLifetime = time.Hour

// grant is the permissions of an installation's token.
type grant struct {
	installationID int64
	permissions    map[string]string
	// repositories are the only ones, by name; nil means all of the installation's.
	repositories []string
	expiresAt    time.Time
}

// allows reports whether the grant has a permission, "contents:write".
func (g *grant) allows(permission string) bool {
	name, level, _ := strings.Cut(permission, ":")
	granted := g.permissions[name]
	return granted == level || granted == "write" && level == "read"
}

// grants are the issued tokens. They do not outlive the process: callers request new ones.
type grants struct {
	mutex   sync.Mutex
	byToken map[string]*grant
}

// issue creates a token for a grant and drops expired ones.
func (g *grants) issue(given *grant) (string, error) {
	random := make([]byte, 18)
	if _, err := rand.Read(random); err != nil {
		return "", err
	}
	token := "ghs_" + hex.EncodeToString(random)
	g.mutex.Lock()
	defer g.mutex.Unlock()
	maps.DeleteFunc(g.byToken, func(_ string, one *grant) bool { return time.Now().After(one.expiresAt) })
	if g.byToken == nil {
		g.byToken = map[string]*grant{}
	}
	g.byToken[token] = given
	return token, nil
}

// find is the grant of a token, nil for an unknown or expired one.
func (g *grants) find(token string) *grant {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	found := g.byToken[token]
	if found == nil || time.Now().After(found.expiresAt) {
		return nil
	}
	return found
}
