package openid

import (
	"bytes"
	"context"
	"embed"
	"html/template"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/zitadel/oidc/v3/pkg/op"
)

// shownPeople bounds the people on a page; a search finds the others.
const shownPeople = 30

// Directory has the people who can sign in.
type Directory interface {
	// Search lists people by name, at most limit: those whose name or user name contains the text.
	Search(ctx context.Context, text string, limit int) ([]Person, error)
	// Person is an error for somebody who is not there.
	Person(ctx context.Context, id string) (Person, error)
}

// Person is somebody who can sign in.
type Person struct {
	// ID is the subject of tokens.
	ID, Username, Name, Email string
	// Picture is an address, "" if there is none.
	Picture string
	// Groups are names for people, and Roles those of the roles.
	Groups, Roles []string
	// May and MayNot say what the roles allow: "run templates".
	May, MayNot []string
}

// Initials stand for a missing picture.
func (p Person) Initials() string {
	var initials strings.Builder
	for word := range strings.FieldsSeq(p.Name) {
		if first, _ := utf8.DecodeRuneInString(word); initials.Len() < 8 && unicode.IsLetter(first) {
			initials.WriteRune(unicode.ToUpper(first))
		}
	}
	return initials.String()
}

// claimedPicture leaves out a picture within its address, for which a token has no room.
func (p Person) claimedPicture() string {
	if strings.HasPrefix(p.Picture, "data:") {
		return ""
	}
	return p.Picture
}

//go:embed pages/*.html
var pageFiles embed.FS

//go:embed assets
var assetFiles embed.FS

var pages = template.Must(template.New("").Funcs(template.FuncMap{"join": strings.Join}).ParseFS(pageFiles, "pages/*.html"))

// loginPage is the data of the login page.
type loginPage struct {
	Request, Search string
	People          []Person
	// More says that there are more people than the page shows.
	More bool
	// Portal is where to begin again.
	Portal string
}

func (p *Provider) showPeople(w http.ResponseWriter, r *http.Request) {
	asked, search := r.URL.Query().Get("request"), r.URL.Query().Get("search")
	if p.requests.find(asked) == nil {
		p.fail(w, r, http.StatusBadRequest, nil)
		return
	}
	people, err := p.people.Search(r.Context(), search, shownPeople+1)
	if err != nil {
		p.fail(w, r, http.StatusInternalServerError, err)
		return
	}
	page := loginPage{Request: asked, Search: search, People: people[:min(len(people), shownPeople)], More: len(people) > shownPeople, Portal: p.options.LogoutURI}
	p.render(w, r, http.StatusOK, "people.html", page)
}

// choose is the answer of the login page: who signs in.
func (p *Provider) choose(w http.ResponseWriter, r *http.Request) {
	asked, id := r.PostFormValue("request"), r.PostFormValue("person")
	if _, err := p.people.Person(r.Context(), id); err != nil {
		p.fail(w, r, http.StatusBadRequest, err)
		return
	}
	if !p.requests.choose(asked, id) {
		p.fail(w, r, http.StatusBadRequest, nil)
		return
	}
	ctx := op.ContextWithIssuer(r.Context(), p.Issuer())
	http.Redirect(w, r, op.AuthCallbackURL(p.protocol)(ctx, asked), http.StatusSeeOther)
}

// fail shows that a sign-in cannot continue. err is nil when it has expired.
func (p *Provider) fail(w http.ResponseWriter, r *http.Request, status int, err error) {
	if err != nil {
		p.options.Log.WarnContext(r.Context(), "the login page of the OpenID provider", "error", err)
	}
	p.render(w, r, status, "failure.html", loginPage{Portal: p.options.LogoutURI})
}

func (p *Provider) render(w http.ResponseWriter, r *http.Request, status int, name string, page loginPage) {
	var rendered bytes.Buffer
	if err := pages.ExecuteTemplate(&rendered, name, page); err != nil {
		p.options.Log.ErrorContext(r.Context(), "a page of the OpenID provider", "page", name, "error", err)
		status = http.StatusInternalServerError
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = rendered.WriteTo(w)
}
