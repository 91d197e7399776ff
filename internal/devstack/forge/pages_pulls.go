package forge

import (
	"crypto/subtle"
	"errors"
	"net/http"
	"strconv"
	"strings"
)

// maxForm bounds the form on a page.
const maxForm = 4 << 10

func (f *Forge) showPulls(w http.ResponseWriter, r *http.Request) error {
	shown, _, err := f.about(r)
	if err != nil {
		return err
	}
	shown.Title = "Pull requests · " + shown.Repo.FullName()
	return f.render(w, http.StatusOK, "pulls", shown)
}

func (f *Forge) showPull(w http.ResponseWriter, r *http.Request) error {
	return f.renderPull(w, r, http.StatusOK, "")
}

// renderPull shows a pull request, with what came of an attempt to merge it.
func (f *Forge) renderPull(w http.ResponseWriter, r *http.Request, status int, message string) error {
	shown, bare, err := f.about(r)
	if err != nil {
		return err
	}
	if shown.Pull, err = f.pullOfPage(r, shown.Repo); err != nil {
		return err
	}
	compared, err := bare.compare(r.Context(), shown.Pull.BaseHash, shown.Pull.HeadHash)
	if err != nil {
		return err
	}
	patch, err := bare.run(r.Context(), "diff", "--stat", "--patch", compared.mergeBase, shown.Pull.HeadHash)
	if err != nil {
		return err
	}
	shown.Title = shown.Pull.Title + " · " + shown.Repo.FullName()
	shown.Commits, shown.Message, shown.Cut = compared.commits, message, len(patch) > maxShown
	shown.Text = strings.ToValidUTF8(string(patch[:min(len(patch), maxShown)]), "�")
	return f.render(w, status, "pull", shown)
}

func (f *Forge) pullOfPage(r *http.Request, repo *repository) (pull, error) {
	found, err := f.findPull(r.Context(), repo, r.PathValue("number"))
	if errors.Is(err, errHidden) {
		err = errNotFound
	}
	return found, err
}

// mergeFromPage merges a pull request for whoever enters the forge's token.
func (f *Forge) mergeFromPage(w http.ResponseWriter, r *http.Request) error {
	repo, err := f.store.repository(r.PathValue("owner"), r.PathValue("repo"))
	if err != nil {
		return err
	}
	found, err := f.pullOfPage(r, repo)
	if err != nil {
		return err
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if subtle.ConstantTimeCompare([]byte(r.PostFormValue("token")), []byte(f.token)) != 1 {
		return f.renderPull(w, r, http.StatusUnauthorized, "This is not the forge's token.")
	}
	var refusal *apiError
	switch _, err := f.merge(r.Context(), repo, found, mergeWish{}); {
	case errors.As(err, &refusal):
		return f.renderPull(w, r, http.StatusConflict, refusal.message)
	case err != nil:
		return err
	}
	http.Redirect(w, r, "/"+repo.FullName()+"/pull/"+strconv.Itoa(found.Number), http.StatusSeeOther)
	return nil
}
