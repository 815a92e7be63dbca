// labels prints address labels for parcels.
package main

import (
	"encoding/json"
	"fmt"
	"html/template"
	"log"
	"net/http"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"time"
)

type config struct {
	Listen    string
	Templates string
	Static    string
	Carriers  string
	Plugins   string
	Spool     string
	Depot     struct{ Name, Zone string }
}

type carrier struct {
	Name string
	Days int
}

func load(path string) (config, error) {
	var found config
	data, err := os.ReadFile(path)
	if err != nil {
		return found, err
	}
	return found, json.Unmarshal(data, &found)
}

func carriers(directory string) ([]carrier, error) {
	names, err := filepath.Glob(filepath.Join(directory, "*.json"))
	if err != nil {
		return nil, err
	}
	var all []carrier
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		var one carrier
		if err := json.Unmarshal(data, &one); err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, nil
}

type server struct{ config config }

// page renders a template with the layout and all partials, which are read anew so that they can be edited.
func (s server) page(w http.ResponseWriter, name string, data any) {
	pages := template.New("layout.html")
	pages, err := pages.ParseFiles(filepath.Join(s.config.Templates, "layout.html"), filepath.Join(s.config.Templates, name))
	if err == nil {
		pages, err = pages.ParseGlob(filepath.Join(s.config.Templates, "partials", "*.tmpl"))
	}
	if err != nil {
		http.Error(w, err.Error(), 500)
		return
	}
	if err := pages.Execute(w, data); err != nil {
		log.Print(err)
	}
}

func (s server) label(w http.ResponseWriter, r *http.Request) {
	s.page(w, "label.html", map[string]string{"To": r.FormValue("to"), "From": s.config.Depot.Name})
}

func (s server) ship(w http.ResponseWriter, r *http.Request) {
	all, err := carriers(s.config.Carriers)
	if err != nil || len(all) == 0 {
		http.Error(w, fmt.Sprintf("no carriers: %v", err), 500)
		return
	}
	s.page(w, "carriers.html", all)
}

func (s server) code(w http.ResponseWriter, r *http.Request) {
	out, err := exec.Command("qrencode", "-t", "SVG", "-o", "-", r.FormValue("to")).Output()
	if err != nil {
		http.Error(w, err.Error(), 500)
		return
	}
	w.Header().Set("Content-Type", "image/svg+xml")
	w.Write(out)
}

func (s server) weight(w http.ResponseWriter, r *http.Request) {
	out, err := exec.Command(filepath.Join(s.config.Plugins, "weigh"), r.FormValue("socks")).Output()
	if err != nil {
		http.Error(w, err.Error(), 500)
		return
	}
	w.Write(out)
}

func (s server) clock(w http.ResponseWriter, r *http.Request) {
	zone, err := time.LoadLocation(s.config.Depot.Zone)
	if err != nil {
		http.Error(w, err.Error(), 500)
		return
	}
	fmt.Fprintln(w, time.Unix(1700000000, 0).In(zone).Format(time.RFC1123))
}

func (s server) queue(w http.ResponseWriter, r *http.Request) {
	name := filepath.Join(s.config.Spool, "next.txt")
	if err := os.WriteFile(name, []byte(r.FormValue("to")), 0o600); err != nil {
		http.Error(w, err.Error(), 500)
		return
	}
	fmt.Fprintln(w, "queued")
}

func (s server) owner(w http.ResponseWriter, r *http.Request) {
	found, err := user.Lookup("www-data")
	if err != nil {
		http.Error(w, err.Error(), 500)
		return
	}
	fmt.Fprintln(w, strings.TrimSpace(found.HomeDir))
}

func main() {
	path := os.Getenv("LABELS_CONFIG")
	found, err := load(path)
	if err != nil {
		log.Fatal(err)
	}
	s := server{found}
	http.HandleFunc("/health", func(w http.ResponseWriter, r *http.Request) { fmt.Fprintln(w, "fine") })
	http.HandleFunc("/label", s.label)
	http.HandleFunc("/carriers", s.ship)
	http.HandleFunc("/code", s.code)
	http.HandleFunc("/weight", s.weight)
	http.HandleFunc("/clock", s.clock)
	http.HandleFunc("/queue", s.queue)
	http.HandleFunc("/owner", s.owner)
	http.Handle("/static/", http.StripPrefix("/static/", http.FileServer(http.Dir(found.Static))))
	log.Fatal(http.ListenAndServe(found.Listen, nil))
}
