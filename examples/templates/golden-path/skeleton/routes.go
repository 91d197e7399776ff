package main

import (
	"encoding/json"
	"log/slog"
	"net/http"
)

const name = "${{ values.name }}"

// routes are all that the service answers.
func routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", hello)
	mux.HandleFunc("GET /healthz", healthy)
	return mux
}

func hello(w http.ResponseWriter, _ *http.Request) {
	answer(w, map[string]string{"service": name, "message": "hello"})
}

func healthy(w http.ResponseWriter, _ *http.Request) {
	answer(w, map[string]string{"status": "ok"})
}

func answer(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(body); err != nil {
		slog.Warn("answer was cut short", "error", err)
	}
}
