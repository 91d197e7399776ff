package forge

import (
	"net/http"
)

// site is a repository's GitHub Pages site. The forge stores it, and publishes nothing.
type site struct {
	BuildType string `json:"buildType"`
	Branch    string `json:"branch"`
	Path      string `json:"path"`
	CNAME     string `json:"cname,omitempty"`
}

const (
	buildLegacy   = "legacy"
	buildWorkflow = "workflow"
)

// siteChange is the body of POST and PUT.
type siteChange struct {
	BuildType string  `json:"build_type"`
	CNAME     *string `json:"cname"`
	Source    *struct {
		Branch string `json:"branch"`
		Path   string `json:"path"`
	} `json:"source"`
}

func (f *Forge) getSite(x *exchange) (int, any, error) {
	repo, err := f.repository(x)
	if err != nil {
		return 0, nil, err
	}
	if repo.Pages == nil {
		return 0, nil, errHidden
	}
	return http.StatusOK, x.shapes.site(repo), nil
}

func (f *Forge) createSite(x *exchange) (int, any, error) {
	var body siteChange
	if err := x.decode(&body); err != nil {
		return 0, nil, err
	}
	created := site{BuildType: buildLegacy, Path: "/"}
	if err := f.changeSite(x, body, &created); err != nil {
		return 0, nil, err
	}
	repo, err := f.update(x, func(repo *repository) error {
		if repo.Pages != nil {
			return &apiError{status: http.StatusConflict, message: "GitHub Pages is already enabled."}
		}
		repo.Pages = &created
		return nil
	})
	if err != nil {
		return 0, nil, err
	}
	return http.StatusCreated, x.shapes.site(repo), nil
}

// changeSite changes a site. Where GitHub builds it from a branch, that branch must exist.
func (f *Forge) changeSite(x *exchange, body siteChange, to *site) error {
	repo, err := f.repository(x)
	if err != nil {
		return err
	}
	if body.BuildType != "" {
		to.BuildType = body.BuildType
	}
	if body.CNAME != nil {
		to.CNAME = *body.CNAME
	}
	if body.Source != nil {
		to.Branch, to.Path = body.Source.Branch, "/"
		if body.Source.Path != "" {
			to.Path = body.Source.Path
		}
	}
	switch {
	case to.BuildType != buildLegacy && to.BuildType != buildWorkflow:
		return invalid("Pages", "build_type", "invalid", "build_type is legacy or workflow")
	case to.Path != "/" && to.Path != "/docs":
		return invalid("Pages", "source", "invalid", "path is / or /docs")
	case to.BuildType == buildWorkflow:
		return nil
	}
	if _, err := f.store.open(repo).resolve(x.r.Context(), "refs/heads/"+to.Branch); err != nil {
		return &apiError{status: http.StatusUnprocessableEntity, message: "The " + to.Branch + " branch must exist before GitHub Pages can be built."}
	}
	return nil
}

func (f *Forge) putSite(x *exchange) (int, any, error) {
	var body siteChange
	if err := x.decode(&body); err != nil {
		return 0, nil, err
	}
	repo, err := f.repository(x)
	if err != nil || repo.Pages == nil {
		return 0, nil, errHidden
	}
	changed := *repo.Pages
	if err := f.changeSite(x, body, &changed); err != nil {
		return 0, nil, err
	}
	_, err = f.update(x, func(repo *repository) error { repo.Pages = &changed; return nil })
	return http.StatusNoContent, nil, err
}

func (f *Forge) deleteSite(x *exchange) (int, any, error) {
	_, err := f.update(x, func(repo *repository) error {
		if repo.Pages == nil {
			return errHidden
		}
		repo.Pages = nil
		return nil
	})
	return http.StatusNoContent, nil, err
}

func (s shapes) site(repo *repository) object {
	shown := object{
		"url": s.repositoryAPI(repo) + "/pages", "status": "built", "cname": orNull(repo.Pages.CNAME), "custom_404": false,
		"html_url": s.page(repo), "build_type": repo.Pages.BuildType, "public": repo.Settings.Visibility == visibilityPublic,
		"https_enforced": false,
	}
	if repo.Pages.Branch != "" {
		shown["source"] = object{"branch": repo.Pages.Branch, "path": repo.Pages.Path}
	}
	return shown
}
