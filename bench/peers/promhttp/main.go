// The series of a page, served by client_golang: promhttp PORT const|vec PAGE.
package main

import (
	"bufio"
	"log"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

type sample struct {
	values []string
	value  float64
}

type family struct {
	help   string
	labels []string
	rows   []sample
}

var label = regexp.MustCompile(`([a-z_]+)="((?:[^"\\]|\\.)*)"`)

// read returns the families of a page whose label values need no escapes, those about processes left out.
func read(path string) map[string]*family {
	file, err := os.Open(path)
	if err != nil {
		log.Fatal(err)
	}
	found, help := map[string]*family{}, map[string]string{}
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		if words := strings.SplitN(line, " ", 4); words[0] == "#" {
			if words[1] == "HELP" {
				help[words[2]] = words[3]
			}
			continue
		}
		name, rest, labelled := strings.Cut(line, "{")
		labels, number, whole := strings.Cut(rest, "} ")
		value, err := strconv.ParseFloat(number, 64)
		if !labelled || !whole || err != nil || !strings.HasPrefix(name, "contact_center_") {
			continue
		}
		one := sample{value: value}
		var names []string
		for _, pair := range label.FindAllStringSubmatch(labels, -1) {
			names, one.values = append(names, pair[1]), append(one.values, pair[2])
		}
		if found[name] == nil {
			found[name] = &family{help: help[name], labels: names}
		}
		found[name].rows = append(found[name].rows, one)
	}
	return found
}

// constant makes every metric anew for each scrape, as an exporter does that keeps only its source's numbers.
type constant struct {
	descs map[string]*prometheus.Desc
	all   map[string]*family
}

func (c constant) Describe(told chan<- *prometheus.Desc) {
	for _, desc := range c.descs {
		told <- desc
	}
}

func (c constant) Collect(told chan<- prometheus.Metric) {
	for name, one := range c.all {
		for _, row := range one.rows {
			told <- prometheus.MustNewConstMetric(c.descs[name], prometheus.GaugeValue, row.value, row.values...)
		}
	}
}

func main() {
	port, kind, page := os.Args[1], os.Args[2], os.Args[3]
	all, registry := read(page), prometheus.NewRegistry()
	if kind == "const" {
		descs := map[string]*prometheus.Desc{}
		for name, one := range all {
			descs[name] = prometheus.NewDesc(name, one.help, one.labels, nil)
		}
		registry.MustRegister(constant{descs, all})
	} else {
		for name, one := range all {
			vec := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: one.help}, one.labels)
			registry.MustRegister(vec)
			for _, row := range one.rows {
				vec.WithLabelValues(row.values...).Set(row.value)
			}
		}
	}
	http.Handle("/metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	log.Fatal(http.ListenAndServe("127.0.0.1:"+port, nil))
}
