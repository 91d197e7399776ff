package standin

import (
	"encoding/json"
	"net/http"
	"strings"
)

// PagerDuty has the services of PagerDuty's REST API, written after its published description (reference/REST of
// its api-schema). It takes any token. Its zero value has none.
type PagerDuty struct{ things }

// service is a service in PagerDuty's form.
func service(id, name string) map[string]any {
	return map[string]any{"id": id, "type": "service", "name": name, "html_url": "https://acme.pagerduty.com/services/" + id}
}

func refusedByPagerDuty(w http.ResponseWriter, status, code int, message string, errors ...string) {
	answer(w, status, map[string]any{"error": map[string]any{"message": message, "code": code, "errors": errors}})
}

// ServeHTTP answers a request to /services.
func (p *PagerDuty) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	id := strings.TrimPrefix(r.URL.Path, "/services/")
	switch {
	case !strings.HasPrefix(r.Header.Get("Authorization"), "Token token="):
		refusedByPagerDuty(w, http.StatusUnauthorized, 2006, "Unauthorized")
	case r.Method == http.MethodPost && r.URL.Path == "/services":
		p.create(w, r)
	case r.Method == http.MethodGet && r.URL.Path == "/services":
		listed := []any{}
		for id, name := range p.names {
			if strings.Contains(name, r.URL.Query().Get("query")) {
				listed = append(listed, service(id, name))
			}
		}
		answer(w, http.StatusOK, map[string]any{"services": listed, "limit": 25, "offset": 0, "more": false})
	case r.Method == http.MethodDelete && p.names[id] != "":
		delete(p.names, id)
		w.WriteHeader(http.StatusNoContent)
	default:
		refusedByPagerDuty(w, http.StatusNotFound, 2100, "Not Found")
	}
}

func (p *PagerDuty) create(w http.ResponseWriter, r *http.Request) {
	var sent struct {
		Service struct {
			Type             string `json:"type"`
			Name             string `json:"name"`
			EscalationPolicy struct {
				ID string `json:"id"`
			} `json:"escalation_policy"`
		} `json:"service"`
	}
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&sent)
	switch {
	case err != nil || sent.Service.Type != "service" || sent.Service.Name == "" || sent.Service.EscalationPolicy.ID == "":
		refusedByPagerDuty(w, http.StatusBadRequest, 2001, "Invalid Input Provided", "Name and escalation policy are needed")
	case p.has(sent.Service.Name):
		refusedByPagerDuty(w, http.StatusBadRequest, 2001, "Invalid Input Provided", "Name has already been taken")
	default:
		id := p.add("P%07d", sent.Service.Name)
		answer(w, http.StatusCreated, map[string]any{"service": service(id, sent.Service.Name)})
	}
}
