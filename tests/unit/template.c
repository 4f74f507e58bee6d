/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/template.h"

#include "tap.h"

static const char data[] =
	"{\"Id\":\"0123456789abcdef\",\"Name\":\"/web\",\"Labels\":\"a=1,bb=2=3\","
	"\"State\":{\"Running\":true,\"ExitCode\":3,\"Error\":\"\",\"Health\":null},"
	"\"Env\":[\"A=1\",\"B=x y\"],\"Empty\":[],\"Links\":null,\"Options\":null,"
	"\"Networks\":{\"bridge\":{\"IPAddress\":\"172.17.0.2\"},\"n2\":{\"IPAddress\":\"172.18.0."
	"2\"}},"
	"\"Ports\":{\"80/tcp\":[{\"HostIp\":\"0.0.0.0\",\"HostPort\":\"8080\"}]},"
	"\"Config\":{\"Healthcheck\":{\"Test\":[\"NONE\"],\"Interval\":90000000000,\"Timeout\":"
	"300000000}},"
	"\"Mounts\":[{\"Type\":\"volume\",\"Name\":\"v\",\"Source\":\"/s\",\"Destination\":\"/"
	"d\",\"Mode\":\"z\","
	"\"RW\":true}],\"HostConfig\":{\"Mounts\":[{\"Type\":\"tmpfs\",\"Target\":\"/t\"}],"
	"\"CpuShares\":5,\"BlkioWeightDevice\":[{\"Path\":\"/dev/sda\",\"Weight\":7}],"
	"\"BlkioDeviceReadBps\":[{\"Path\":\"/dev/sda\",\"Rate\":8}],"
	"\"Devices\":[{\"PathOnHost\":\"/a\",\"PathInContainer\":\"/"
	"b\",\"CgroupPermissions\":\"rwm\"}],"
	"\"DeviceRequests\":[{\"Driver\":\"nvidia\",\"Count\":-1,\"DeviceIDs\":null,"
	"\"Capabilities\":[[\"gpu\"]],"
	"\"Options\":{}}],\"Ulimits\":[{\"Name\":\"nofile\",\"Hard\":20,\"Soft\":10}]},"
	"\"NetworkSettings\":{\"SandboxID\":\"s\",\"IPAddress\":\"172.17.0.2\",\"IPPrefixLen\":16,"
	"\"Networks\":{\"bridge\":{\"IPAddress\":\"172.17.0.2\"}}},"
	"\"IPAM\":{\"Driver\":\"default\",\"Config\":[{\"Subnet\":\"10.0.0.0/"
	"8\",\"Gateway\":\"10.0.0.1\"}]},"
	"\"Created\":\"2026-01-02T03:04:05.670000000Z\","
	"\"Metadata\":{\"LastTagTime\":\"2026-01-02T03:04:05Z\"},"
	"\"Map\":{\"z\":1,\"a\":\"<&>\"}}";

static const struct {
	const char *template;
	const char *want;
} good[] = {
	{ "", "" },
	{ "plain } {", "plain } {" },
	{ "{{.Name}}", "/web" },
	{ "{{ .State.Running }} {{.State.ExitCode}}", "true 3" },
	{ "{{.Env}}{{.Empty}}", "[A=1 B=x y][]" },
	{ "{{.Map}}", "map[a:<&> z:1]" },
	{ "{{.State.Health}}", "<nil>" },
	/* Structures: in their own order, with what JSON leaves out. */
	{ "{{.State}}", "{ true false false false false 0 3    <nil>}" },
	{ "{{.Config.Healthcheck}}", "{[NONE] 1m30s 300ms 0s 0s 0}" },
	{ "{{.Ports}}", "map[80/tcp:[{0.0.0.0 8080}]]" },
	{ "{{.Mounts}}", "[{volume v /s /d  z true }]" },
	{ "{{.HostConfig.Mounts}}", "[{tmpfs  /t false  <nil> <nil> <nil> <nil> <nil>}]" },
	{ "{{.IPAM}}", "{default map[] [{10.0.0.0/8  10.0.0.1 map[]}]}" },
	{ "{{println .State}}{{printf \"%v\" .State.Health}}{{print .IPAM}}",
	  "&{ true false false false false 0 3    <nil>}\n<nil>{default map[] [{10.0.0.0/8  "
	  "10.0.0.1 map[]}]}" },
	{ "{{.HostConfig}}", "{[]    map[]  false  [] [] map[] [] []  [] [] [] [] []   [] 0  false "
			     "false false [] map[] map[]   0 "
			     "map[]   {5 0 0  0 [/dev/sda:7] [/dev/sda:8] [] [] [] 0 0 0 0   [{/a "
			     "/b rwm}] [] [{nvidia -1 [] [[gpu]] "
			     "map[]}] 0 0 0 0 <nil> <nil> <nil> [nofile=10:20] 0 0 0 0} [{tmpfs  "
			     "/t false  <nil> <nil> <nil> "
			     "<nil> <nil>}] [] [] <nil>}" },
	{ "{{.NetworkSettings}}",
	  "{{ s  map[] false  0 [] []} {   0 172.17.0.2 16  } map[bridge:{<nil> [] []  map[] 0   "
	  " 172.17.0.2 0   0 []}]}" },
	{ "{{with .NetworkSettings.Networks.bridge}}{{println .}}{{end}}",
	  "&{<nil> [] []  map[] 0    172.17.0.2 0   0 []}\n" },
	{ "{{.Created}}", "2026-01-02 03:04:05.67 +0000 UTC" },
	{ "{{json .Created}}", "\"2026-01-02T03:04:05.670000000Z\"" },
	{ "{{.Metadata}}", "{2026-01-02 03:04:05 +0000 UTC}" },
	{ "{{with .Config.Healthcheck}}{{.Interval}} {{.Timeout}} {{.StartPeriod}} "
	  "{{.Retries}}{{end}}",
	  "1m30s 300ms 0s 0" },
	{ "{{json .Config.Healthcheck.Interval}}", "90000000000" },
	{ "[{{.Config.StopSignal}}]{{.Config.StopTimeout}}{{.Config.Shell}}{{if "
	  ".Config.MacAddress}}x{{end}}",
	  "[]<nil>[]" },
	{ "{{json .Map}}", "{\"z\":1,\"a\":\"<&>\"}" },
	{ "{{json .State.Health}} {{json .Env}}", "null [\"A=1\",\"B=x y\"]" },
	{ "{{.Name | json}}", "\"/web\"" },
	{ "{{range .Networks}}{{.IPAddress}};{{end}}", "172.17.0.2;172.18.0.2;" },
	{ "{{range .Env}}{{println .}}{{end}}", "A=1\nB=x y\n" },
	{ "{{range .Empty}}x{{else}}none{{end}}", "none" },
	{ "{{range .Env}}{{.}}{{$.Name}} {{end}}", "A=1/web B=x y/web " },
	{ "{{(index (index .Ports \"80/tcp\") 0).HostPort}}", "8080" },
	{ "{{index .Map \"a\"}}{{index .Map \"missing\"}}", "<&>" },
	{ "{{if .State.Error}}bad{{else if .State.Running}}runs{{else}}ended{{end}}", "runs" },
	{ "{{if not .State.Running}}a{{else}}b{{end}}", "b" },
	{ "{{with .State}}{{.ExitCode}}{{end}}{{with .Empty}}x{{end}}", "3" },
	{ "{{if eq .State.ExitCode 3}}three{{end}}", "three" },
	{ "{{if and (gt .State.ExitCode 2) (lt .State.ExitCode 4)}}in{{end}}", "in" },
	{ "{{or .State.Error .Name}}", "/web" },
	{ "{{join .Env \", \"}}|{{len .Env}}|{{index (split .Name \"w\") 1}}", "A=1, B=x y|2|eb" },
	{ "{{upper .Name}}{{.Name | lower}}{{title \"ab cd\"}}", "/WEB/webAb Cd" },
	{ "{{printf \"%s-%d-%6s|%-6s|%q%%\" .Name 5 \"r\" \"l\" \"q\"}}",
	  "/web-5-     r|l     |\"q\"%" },
	{ "{{truncate .Id 12}}", "0123456789ab" },
	{ "[{{pad .Name 1 2}}][{{pad .State.Error 1 2}}]", "[ /web  ][]" },
	{ "{{slice .Id 2 5}}{{slice .Name 1}}{{slice .Env 1}}", "234web[B=x y]" },
	{ "{{$x := .Name}}{{$x}}{{$y := .State}}{{$y.ExitCode}}", "/web3" },
	{ "{{range $p, $c := .Ports}}{{$p}} -> {{(index $c 0).HostPort}}{{end}}",
	  "80/tcp -> 8080" },
	{ "{{range $i, $e := .Env}}{{$i}}={{$e}};{{end}}", "0=A=1;1=B=x y;" },
	{ "{{range $e := .Env}}{{$e}};{{end}}", "A=1;B=x y;" },
	{ "{{range $k, $v := .Map}}{{$k}}{{end}}", "az" },
	{ "{{with $n := .Name}}{{$n}}{{end}}{{if $s := .State.Running}}{{$s}}{{end}}", "/webtrue" },
	{ "{{$x := 1}}{{range .Env}}{{$x = .}}{{end}}{{$x}}", "B=x y" },
	{ "{{$x := 1}}{{range .Env}}{{$x := .}}{{end}}{{$x}}", "1" },
	{ "{{.Label \"bb\"}}{{.Label \"b\"}}", "2=3" },
	{ "a {{- .Name -}} b", "a/webb" },
	{ "a{{/* no {{.Thing}} */}}b", "ab" },
	{ "{{\"a\\tb\\\"\"}}{{`raw\\t`}}", "a\tb\"raw\\t" },
	/* What Go 1.19 made of them by docker 20.10. */
	{ "{{define \"x\"}}[{{.}}{{$}}]{{end}}{{template \"x\" .Name}}{{template \"x\"}}",
	  "[/web/web][<nil><nil>]" },
	{ "{{block \"y\" .Env}}{{range .}}<{{.}}>{{end}}{{end}}", "<A=1><B=x y>" },
	{ "{{define \"x\"}}a{{end}}", "" },
	{ "{{with .State.Health}}h{{else with .Name}}{{.}}{{end}}", "/web" },
	{ "{{range .Env}}{{.}}{{break}}x{{end}}", "A=1" },
	{ "{{range .Env}}{{if eq . \"A=1\"}}{{continue}}{{end}}{{.}}{{end}}", "B=x y" },
	{ "{{range .Env}}{{range $.Env}}{{break}}{{end}}{{.}}{{end}}", "A=1B=x y" },
	{ "{{html \"<a & 'b'>\"}} {{js \"it's <x>\"}} {{urlquery \"a b&c\"}}",
	  "&lt;a &amp; &#39;b&#39;&gt; it\\'s \\u003Cx\\u003E a+b%26c" },
	{ "{{printf \"%5d|%-5d|%05d|%+d|%x|%X|%o|%b|%c\" 42 42 42 42 255 255 8 5 65}}",
	  "   42|42   |00042|+42|ff|FF|10|101|A" },
	{ "{{printf \"%.2f|%8.3f|%e|%g\" 3.14159 2.5 1234.5 0.5}}",
	  "3.14|   2.500|1.234500e+03|0.5" },
	{ "{{printf \"%t|%.3s|%T %T %T %T|%#v|%v\" true \"abcdef\" 1 \"a\" true 1.5 \"a\" .Env}}",
	  "true|abc|int string bool float64|\"a\"|[A=1 B=x y]" },
	{ "{{printf \"%d\" \"x\"}} {{printf \"%s\" 5}} {{printf \"%d\"}} {{printf \"x\" 1}} "
	  "{{printf \"%z\" 1}} {{printf \"%\"}}",
	  "%!d(string=x) %!s(int=5) %!d(MISSING) x%!(EXTRA int=1) %!z(int=1) %!(NOVERB)" },
	{ "{{printf \"%x|%*d|%%|%q\" \"hello\" 5 42 .Env}}",
	  "68656c6c6f|   42|%|[\"A=1\" \"B=x y\"]" },
	{ "{{printf \"% x|%#X|%# x|%O|%#q|%[2]d\" \"ab\" \"ab\" \"ab\" 8 \"a\" 1}}",
	  "61 62|0X6162|0x61 0x62|0o10|`a`|%!d(string=ab)" },
	{ "{{printf \"%[2]d %[1]d|%[1]*[2]d|%[3]d|%[x]d\" 3 7}}",
	  "7 3|  7|%!d(BADINDEX)|%!d(BADINDEX)" },
	{ "{{123456.0}} {{1234567.0}} {{1e6}} {{1e-5}} {{printf \"%v %g %G\" 1e20 1e20 1e20}}",
	  "123456 1.234567e+06 1e+06 1e-05 1e+20 1e+20 1E+20" },
	{ "{{title \"/web a-b c_d 1x\"}}", "/Web A-B C_d 1x" },
	{ "{{eq .State.ExitCode \"3\"}} {{eq .State.ExitCode \"4\"}} {{ne \"3\" .State.ExitCode}}",
	  "true false false" },
	{ "{{print 1 2 \"a\" \"b\" 3}}", "1 2ab3" },
	{ "{{'a'}}{{0x10}}{{1e3}}{{-5}}{{1_000}} {{1.0}} {{1e21}}", "97161000-51000 1 1e+21" },
	{ "{{if and .State.Health .State.Health.Status}}a{{else}}b{{end}}", "b" },
	{ "{{or .Name .State.Health.Status}}", "/web" },
	{ "{{.Networks.nope.IPAddress}}{{if .Networks.nope}}x{{end}}", "<no value>" },
	{ "{{.Links}}{{len .Links}}{{json .Links}}{{.Options}}{{index .Options \"k\"}}",
	  "[]0nullmap[]" },
	{ "{{.Ports}}", "map[80/tcp:[{0.0.0.0 8080}]]" },
};

static const struct {
	const char *template;
	const char *part;
} bad[] = {
	{ "{{.Nope}}", "executing \"\" at <.Nope>: map has no entry for key \"Nope\"" },
	{ "{{.State.Health.Status}}", "nil pointer" },
	{ "{{.Name.Sub}}", "can't evaluate field Sub" },
	{ "{{$x}}", "undefined variable \"$x\"" },
	{ "{{range $x := .Env}}{{end}}{{$x}}", "undefined variable \"$x\"" },
	{ "{{$x = 1}}", "undefined variable \"$x\"" },
	{ "{{slice .Name 9}}", "index out of range" },
	{ "{{pad .Name 1 99999}}", "error calling pad" },
	{ "{{.Name", "unclosed action" },
	{ "{{", "unclosed action" },
	{ "{{}}", "missing value" },
	{ "{{.Name |}}", "missing value" },
	{ "{{nosuch .Name}}", "function \"nosuch\" not defined" },
	{ "{{if .Name}}", "unexpected EOF" },
	{ "{{end}}", "unexpected {{end}}" },
	{ "{{else}}", "unexpected {{else}}" },
	{ "{{range .Name}}{{end}}", "can't iterate" },
	{ "{{\"open}}", "unterminated" },
	{ "{{(.Name}}", "unclosed left paren" },
	{ "{{/* open", "unclosed comment" },
	{ "{{json}}", "wrong number of args" },
	{ "{{json .Name .Id}}", "wrong number of args" },
	{ "{{index .Env 2}}", "index out of range: 2" },
	{ "{{index .Env -1}}", "index out of range" },
	{ "{{.Name .Id}}", "non-function" },
	{ "{{eq .Name 3}}", "incompatible types" },
	{ "{{printf \"%999999s\" .Name}}", "a width is from 0 to 1000" },
	{ "{{printf \"%*s\" 99999 .Name}}", "a width is from 0 to 1000" },
	{ "{{printf 1}}", "expected string; got int" },
	{ "{{.State.Nope}}", ":1:8: executing \"\" at <.State.Nope>: map has no entry" },
	{ "x\n  {{len (.State).Nope}}", ":2:16: executing \"\" at <(.State).Nope>: map has no" },
	{ "{{define \"x\"}}{{.Nope}}{{end}}{{template \"x\" .}}", "executing \"x\" at <.Nope>" },
	{ "{{template \"nope\"}}",
	  ":1:11: executing \"\" at <{{template \"nope\"}}>: template \"nope\" not defined" },
	{ "{{define \"x\"}}{{template \"x\" .}}{{end}}{{template \"x\" .}}",
	  "exceeded maximum template depth" },
	{ "{{define \"x\"}}a{{end}}{{define \"x\"}}b{{end}}", "multiple definition" },
	{ "{{if .Name}}{{define \"x\"}}a{{end}}{{end}}", "unexpected {{define}}" },
	{ "{{define x}}", "in define clause" },
	{ "{{template .Name}}", "in template clause" },
	{ "{{block \"x\"}}{{end}}", "missing value for block" },
	{ "{{$x := 1}}{{define \"x\"}}{{$x}}{{end}}", "undefined variable \"$x\"" },
	{ "{{break}}", "{{break}} outside {{range}}" },
	{ "{{range .Env}}{{define \"x\"}}{{break}}{{end}}{{end}}", "unexpected {{define}}" },
	{ "{{if}}{{end}}", "missing value for if" },
	{ "{{nil}}", "nil is not a command" },
	{ "{{1x}}", "bad number syntax: \"1x\"" },
	{ "{{'ab'}}", "malformed character constant" },
	{ "{{eq 1 1.0}}", "error calling eq: incompatible types for comparison" },
	{ "{{lt true false}}", "error calling lt: invalid type for comparison" },
	{ "{{upper 1}}", "wrong type for value; expected string; got int" },
	{ "{{lower .State}}", "wrong type for value; expected string" },
	{ "{{eq .Env .Env}}", "error calling eq: non-comparable type [A=1 B=x y]" },
	{ "{{index .Env \"x\"}}", "cannot index slice/array with type string" },
	{ "{{len 3}}", "error calling len: len of type int" },
	{ "{{call .Name}}", "error calling call: non-function of type string" },
	{ "{{..}}", "unexpected" },
	{ "{{&}}", "unexpected" },
	{ "{{((((((((((((((((((((((((((((((((((((((((1", "nested too deeply" },
};

static const struct {
	const char *template;
	bool is_named;
} naming[] = {
	{ "", false },
	{ "plain .Name", false },
	{ "table {{.Id}}\t{{.Name}}", true },
	{ "{{.Names}}{{.Id.Name}}{{\".Name\"}}", false },
	{ "{{json .}}", true },
	{ "{{ . | json }}", true },
	{ "{{$.Name}}", true },
	{ "{{if .Id}}{{else}}{{upper (printf \"%s\" .Name)}}{{end}}", true },
	{ "{{(json .Id)}}", false },
	{ "{{range .Env}}{{.}}{{.Name}}{{end}}{{with .Id}}{{.}}{{end}}", false },
	{ "{{range .Env}}{{$.Name}}{{end}}", true },
	{ "{{range .Env}}{{else}}{{.Name}}{{end}}", true },
	{ "{{$x := .Name}}{{$x}}", true },
	{ "{{define \"x\"}}{{.Name}}{{end}}{{template \"x\" .State}}", true },
};

static bool run(struct arena *arena, const char *text, struct buf *out, struct error *err)
{
	struct template template;
	const struct json *root;

	return json_parse(arena, "data", data, strlen(data), &root, err) &&
	       template_parse(arena, text, &template, err) &&
	       template_run(&template, root, out, err);
}

int main(void)
{
	struct error err;

	for (size_t i = 0; i < COUNT_OF(good); i++) {
		autoarena struct arena arena = { 0 };
		autobuf struct buf out;

		buf_init(&out, 4096);
		if (check_ok(run(&arena, good[i].template, &out, &err), &err, "%s",
			     good[i].template))
			check_text(out.data ? out.data : "", good[i].want, "what %s makes",
				   good[i].template);
	}
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		autoarena struct arena arena = { 0 };
		autobuf struct buf out;

		buf_init(&out, 4096);
		check_error(run(&arena, bad[i].template, &out, &err), &err, ERROR_INPUT,
			    bad[i].part, "%s", bad[i].template);
	}
	for (size_t i = 0; i < COUNT_OF(naming); i++) {
		autoarena struct arena arena = { 0 };
		struct template template;

		if (check_ok(template_parse(&arena, naming[i].template, &template, &err), &err,
			     "%s", naming[i].template))
			check(template_names(&template, "Name") == naming[i].is_named,
			      "whether %s looks at the name", naming[i].template);
	}
	autoarena struct arena arena = { 0 };
	check_text(template_unescape(&arena, "a\\tb\\nc\\x\\"), "a\tb\nc\\x\\", "escapes");
	return tap_done();
}
