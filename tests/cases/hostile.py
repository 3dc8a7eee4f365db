r"""Hostile answers for a math-answer verifier.

Every text is WRONG for each of the golds  1 ,  x+1 ,  \{1,2\} : the verifier must refuse it within 1 s, without an exception,
without a side effect (no /tmp/pwned, nothing printed, no file read), under 512 MiB. Written from RULES.md alone.
Left out on purpose, since they do equal 1 (or may be read so): 0^0, 1^\infty, i^{10^{10^{10}}}, 0.\overline{9}, 100%,
x^{9^9}=1, -(-( ... 1)) with an even count, "1" under wrappers or beside units. Wrappers hold a 7 instead.

cases() -> list[(name, text)];  iter_cases() yields the same pairs one at a time, so that a harness need not hold them all.
"""

M, L, K = 10**6, 10**5, 10**3
BS = "\\"


def nest(a, core, b, n):
    return a * n + core + b * n


LITERALS = {
    # ---- absolute values in each other, each of which multiplied the work by seven
    "absolute": [
        nest("abs(", "x", ")", 6),
        nest("|1+", "x", "|", 5),
        nest("\\left|", "x-3", "\\right|", 19),
        nest("sqrt((1+", "x", ")^2)", 7),
        nest("\\sqrt{", "x^2", "^2}", 8),
        nest("abs(abs(", "x-y", "))", 4) + "-" + nest("abs(", "y", ")", 8),
    ],
    # ---- power towers, in many notations (none is 1)
    "tower": [
        r"9^{9^{9^9}}",
        r"9^{9^{9^{9^{9^{9}}}}}",
        "9**9**9**9",
        "10^10^10",
        "10^10^10^10",
        "((9^9)^9)^9^9^9",
        "9^9^9",
        "9\u2079\u2079\u2079\u2079\u2079\u2079\u2079",
        "10\u00b9\u2070^10\u00b9\u2070^10\u00b9\u2070",
        "2^(2^(2^(2^(2^2))))",
        r"\exp(\exp(\exp(\exp(\exp(9)))))",
        r"\exp\exp\exp\exp\exp\exp 9",
        r"e^{e^{e^{e^{e^9}}}}",
        "exp(exp(exp(exp(exp(99)))))",
        r"(-9)^{9^{9}}",
        r"0^{-9^9}",
        r"9^{-9^{9^9}}",
        r"x^{10^9}",
        r"(x+y+z)^{1000}",
        r"(1+x)^{99999}",
        r"(x+1)^{10^{10}}",
        r"(a+b+c+d+e+f+g+h)^{60}",
        r"((((x+1)^{99}+1)^{99}+1)^{99}+1)^{99}",
        r"(x+1)^{9^{9^9}}",
        r"(x-1)^{-99999}",
        r"\left(\frac{3}{2}\right)^{10^{12}}",
        r"0.5^{10^{12}}",
        r"2^{0.123456789123456789}^{9^9}",
        r"\pi^{\pi^{\pi^{\pi^{\pi}}}}",
        r"(\sqrt{2}+\sqrt{3})^{10^7}",
        r"(1+\sqrt{2})^{99999}",
        r"7\uparrow\uparrow\uparrow\uparrow 7",
        "7^^^^7",
        "9\u2191\u21919\u2191\u21919",
        r"(2^{10^9}+1)(2^{10^9}-1)",
        r"(9^{9^9}+7)-9^{9^9}",
        r"9^{\frac{1}{9^{-9^{9}}}}",
        r"{}^{9}9",
        r"x^{x^{x^{x^{9^{9^9}}}}}",
        r"2^{1000000000000000000000000}",
        r"(10^{100})^{(10^{100})^{10^{100}}}",
        r"7\cdot 1^{9^{9^9}}",
        r"(1.0000001)^{10^{18}}",
        r"\left(x^{9999}+1\right)^{9999}\left(x^{9998}-1\right)^{9999}",
        r"9^{9!^{9!^{9!}}}",
        "9e9^9e9^9e9",
        r"2^{2^{64}} + x",
        r"\frac{9^{9^9}}{9^{9^9}-9^{9^8}}",
        r"x^{0.333333333333333333333}^{99999999}",
        r"7^{10^{7}}+x^{10^{7}}+y^{10^{7}}",
    ],
    # ---- values so near to a gold that floats call them equal; exact says they are not
    "near": [
        r"\sqrt[10^9]{2}",
        r"2^{10^{-12}}",
        r"1+9^{-9^{9^9}}",
        r"1+10^{-10^{10}}",
        "1+1e-999999999",
        r"\tanh(10^{10})",
        r"\tanh(9^{9^9})",
        r"\frac{9^{9^9}}{9^{9^9}+1}",
        r"\frac{10^{10^{10}}+1}{10^{10^{10}}}",
        r"\zeta(10^6)",
        r"\cos(10^{-200})",
        r"\operatorname{erf}(10^9)",
        r"e^{\pi\sqrt{163}}-262537412640768743",
        r"x+1+10^{-400}",
        r"x+1+e^{-10^{10}}",
        r"x+2^{10^{-15}}",
        r"(x+1)^{1+10^{-30}}",
        r"(x+1)(1+10^{-400})",
        r"\max(x+1,-10^{9^9})",
        r"x+1+\sin(10^{-300}x)",
        r"\{1,2+10^{-99999}\}",
        r"\{1,2,10^{-999999}\}",
        r"\{\tanh(10^9),2\}",
        r"\{1,2^{1+10^{-300}}\}",
        r"\int_0^\infty e^{-x^{10^9}}\,dx",
        r"(10^{-10^{10}})^{10^{-10^{20}}}",
        r"\frac{\Gamma(10^9+10^{-9})}{\Gamma(10^9)}",
        r"\{1,2,9^{9^{9^9}}\}",
        r"\frac{2^{10^9}-1}{2^{10^9}}x+1",
    ],
    "factorial": [
        "99999999!",
        "((9!)!)!",
        "(((3!)!)!)!",
        "9!!!!!!!!!",
        "999999999!!",
        "(10^9)!",
        "(10^{10^{10}})!",
        r"\Gamma(10^{10})",
        r"\Gamma(0)",
        r"\Gamma(-7)",
        r"\binom{10^9}{5\cdot 10^8}",
        r"\binom{10^{18}}{10^9}",
        r"\binom{9^{9^9}}{7}",
        r"\left(\frac{7}{2}\right)!",
        r"\left(\frac{10^9}{3}\right)!",
        "(-7)!",
        "x!!!!!",
        "(x+1)!^{9!^{9!}}",
        r"\frac{100000000!}{99999990!}",
        r"\frac{(10^7)!}{(10^7-2)!}",
        "!9999999",
        "9999999#",
        r"\binom{x}{10^6}",
        r"(0.5)!!",
        "factorial(factorial(factorial(9)))",
        "gamma(10**12)",
        "binomial(10**9,5*10**8)",
        r"{}^{10^9}C_{10^8}",
        "C(1000000000,500000000)",
        "P(10^9,10^8)",
        "fibonacci(10**10)",
        r"F_{10^{12}}",
        "bell(10**5)",
        "catalan(10**8)",
        "prime(10**14)",
        "nextprime(10**20000)",
        "primorial(10**8)",
        "partition(10**10)",
        "bernoulli(10**6)",
        "harmonic(10**9)",
        "divisors(10**60+7)",
        "factorint(2**1277-1)",
        "totient(2**1277-1)",
        "zeta(-10**5)",
    ],
    "number": [
        "1e999999999",
        "1e-999999999",
        "-1E+999999999999999999999",
        "9e99999e99999",
        r"7\times 10^{10^{12}}",
        "7E400",
        r"1.5\cdot 10^{-10^{15}}",
        "1e1e1e1e1",
        "0x" + "f" * 60,
        "1_0" * 50,
        "7e",
        "7.e+-9",
        "0b" + "1" * 90,
        "1j**1e308",
        "1e308*1e308",
        "-1e308-1e308",
        "7.7.7.7",
        "1.2e3.4e5",
        r"0.\overline{" + "142857" * 9 + "}",
        "0.(" + "7" * 99 + ")",
        r"7.\dot{1}\dot{2}",
        "7" * 4300,
        "7" * 4301,
        "-0." + "0" * 4400 + "7",
    ],
    "calculus": [
        r"\sum_{k=1}^{10^{12}} k",
        r"\sum_{k=1}^{\infty} k",
        r"\sum_{k=1}^{9^{9^9}}\frac{1}{k^3}",
        r"\sum_{n=0}^{\infty} n!",
        r"\sum_{p\text{ prime}} p^{-s}",
        r"\sum_{i=1}^{10^6}\sum_{j=1}^{10^6}\sum_{k=1}^{10^6} i^j k",
        r"\prod_{k=1}^{10^{12}} k",
        r"\prod_{k=1}^{\infty}\left(1+\frac{1}{k^{k}}\right)",
        r"\prod_{i=1}^{999}\prod_{j=1}^{999}(x^i+y^j)",
        r"\int_0^\infty \frac{\sin(x^{x^x})}{x^{9^9}+7}\,dx",
        r"\int_0^\infty x^x\,dx",
        r"\int_0^\infty\int_0^\infty\int_0^\infty e^{-xyz}\,dx\,dy\,dz",
        r"\int \frac{dx}{x^{999}+x+7}",
        r"\int e^{e^{e^x}}\sin(\ln(\tan x))\,dx",
        r"\lim_{n\to\infty} n^{n^{n}}",
        r"\lim_{x\to 0}\lim_{y\to 0}\lim_{z\to 0}\frac{x^{9^9}}{yz}",
        r"\lim_{x\to\infty}\sin(x^{x})",
        r"\lim_{n\to\infty}\left(1+\frac{7}{n}\right)^{n}",
        r"\frac{d^{100000}}{dx^{100000}} e^{x^{9}}\sin x",
        r"\frac{d}{dx}\left((x^{999}+1)^{999}\right)",
        r"f^{(10^9)}(x)",
        r"\sup_{n\in\mathbb{N}} n^{n!}",
        "Sum(k**k,(k,1,10**9))",
        "integrate(exp(exp(exp(x))),x)",
        "limit(x**x**x,x,oo)",
        "Product(k,(k,1,10**9)).doit()",
        "diff(x**x**x**x,x,50)",
        r"\sum_{k=1}^{10^{12}}\prod_{j=1}^{k}\int_0^{j}\lim_{n\to\infty} x^{n}\,dx",
        r"\oint\oint\oint\oint 7",
        r"\nabla\nabla\nabla\nabla x^{9^9}",
    ],
    "function": [
        r"\sin(9^{9^{9^9}})",
        r"\cos(10^{10^{10}})",
        r"\tan(99999999999999999999999!)",
        r"\sin(10^{5000})",
        r"\sin(\sin(\sin(10^{99999999})))",
        r"\cos(e^{e^{e^{e^9}}})",
        r"\log\log\log\log\log\log 9^{9^{9^9}}",
        r"\ln(\ln(\ln(9^{9^{9^{9}}})))",
        r"\log_{9^{9^9}}(7)",
        r"\log_0 7",
        r"\log_1 7",
        r"\log 0",
        r"\ln(-9^{9^9})",
        r"\log_{7}(99999999!)",
        r"\sqrt[0]{1}",
        r"\sqrt[9^{9^9}]{-7}",
        r"\sqrt[-10^9]{7}",
        r"\sqrt[x]{9^{9^9}}",
        r"\sqrt[10^{9}]{7^{10^{10}}}",
        r"\sqrt{9^{9^{9^9}}}",
        r"\sqrt[1/9^9]{9}",
        r"\arcsin(9^{9^9})",
        r"\sinh(\sinh(\sinh(\sinh(99))))",
        r"\arctan(\tan(10^{10^{10}}+7))",
        r"W(9^{9^9})",
        r"\lfloor 9^{9^{9^9}}\pi\rfloor",
        r"\lceil e^{10^{10}}\rceil",
        r"\max(9^{9^9},8^{9^{10}},7^{9^{11}})",
        r"\gcd(10^{10^{10}},7\cdot10^{10^{9}})",
        r"\operatorname{lcm}(1,2,\ldots,10^{12})",
        r"9^{9^{9^9}} \bmod 10",
        r"7^{7^{7^7}} \pmod{10}",
        "5^5^5^5^5 mod 10",
        r"9^{9^{9^9}} \bmod 9^{9^{9^8}}",
        "9**9**9 % 10",
        r"7 \bmod 0",
        r"(10^9)! \bmod 10^{9^9}",
        r"d(10^{10^{10}})",
        r"\varphi(9^{9^{9}})",
        r"\pi(10^{30})",
        r"\left|9^{9^9}-\left|8^{9^9}\right|\right|",
        r"\operatorname{Ack}(9,9)",
        "A(5,5)",
        "BB(99)",
        r"\Re(\zeta(7+10^{30}i))",
    ],
    "undefined": [
        "1/0",
        "0/0",
        r"\frac{1}{0}",
        r"\frac{0}{0}",
        r"\frac{x+1}{0}",
        r"\frac{1}{1-1}",
        r"\frac{x}{x-x}",
        "0^{-1}",
        "1/(0.0)",
        "1%0",
        "1//0",
        r"1\div 0",
        r"7 + 0^0",
        r"7\cdot 1^\infty",
        r"\infty-\infty",
        r"\infty/\infty",
        r"0\cdot\infty",
        "inf - inf",
        "nan",
        "NaN",
        "-nan",
        "inf",
        "-Infinity",
        "oo",
        "zoo",
        "zoo*0",
        "oo-oo",
        r"\infty!",
        r"\infty^{\infty}",
        r"7+\infty^0",
        r"\sin\infty",
        "\u221e",
        "\u221e/\u221e",
        "None",
        "True",
        "null",
        "undefined",
        r"\varnothing",
        r"\frac{\frac{1}{0}}{\frac{1}{0}}",
        r"\tan\frac{\pi}{2}",
        r"\frac{1}{\sin \pi}",
        r"\text{DNE}",
        r"\frac{1}{0^{9^{9^9}}}",
        r"\{1/0,2/0\}",
        r"\frac{}{}",
        r"\sqrt{}",
        r"^{}_{}",
        r"x^{}+",
        r"\frac{7}",
        r"\frac",
        r"\sqrt[]{}",
        r"\binom{}{}",
        "",
        " ",
        "\n",
        "$$",
        r"\boxed{}",
        "{}",
        "()",
        "[]",
        "$",
        BS,
        BS * 3,
        "{",
        "}",
        "\x00",
    ],
    "complex": [
        r"i^{10^{10^{10}}+1}",
        r"(1+i)^{10^{10}}",
        r"(2+3i)^{9^{9^9}}",
        r"i^{i^{i^{i^{i^{i}}}}}",
        r"e^{i9^{9^9}}",
        r"(i+x)^{99999}",
        r"i!",
        r"(3i)!!",
        r"(-7)^{9^{-9}}",
        r"\ln(i)^{\ln(i)^{9^9}}",
        r"\sqrt[10^9]{i}",
        r"(-8)^{\frac{1}{3^{99}}}",
        r"(0.6+0.8i)^{10^{15}}",
        "I**I**I**10**10",
        "(1+1j)**10**9",
    ],
    "relation": [
        r"(9^{9^{9^9}},10^{10^{10^{10}}})",
        r"[-9^{9^9},9^{9^9}]",
        r"(-\infty,9^{9^{9^9}}]\cup[10^{10^{10^{10}}},\infty)",
        r"x<9^{9^{9^9}}",
        r"x^{9^9}<7",
        r"9^{9^9}<x^{9^9}<9^{9^{9^9}}",
        r"x^{9^9}=7",
        r"x=9^{9^{9^9}}",
        r"x^{10^9}+y^{10^9}=z^{10^9}",
        r"y^{9^9}=x^{9^{9}}+7",
        r"e^{e^{e^{x}}}=9^{9^{9^9}}",
        r"x^{x^{x^{x}}}\le 9^{9^9}",
        r"\sin(x^{999})\geq\cos(x^{998})",
        r"x^{99}-x+7=0",
        r"x!=9^{9^9}!",
        r"\{x\mid x^{9^9}>7\}",
        r"\{1,2,\ldots,10^{12}\}",
        r"\{1,2,\dots,9^{9^{9^9}}\}",
        r"\{9^{9^9},9^{9^{9^9}}\}",
        r"1,2,3,\ldots,10^{15}",
        r"\mathbb{N}^{\mathbb{R}^{\mathbb{R}}}",
        r"2^{2^{2^{\{1,2\}}}}",
        r"\{1,2\}^{10^9}",
        r"\{(a,b,c)\in\mathbb{Z}^3 : a^{99}+b^{99}=c^{99}\}",
        r"x\equiv 9^{9^9}\pmod{10^{10^{10}}}",
        r"\frac{\pi}{4}+9^{9^9}k\pi,\ k\in\mathbb{Z}",
        r"x=x=x",
        r"(1,(2,(3,(4,9^{9^9}))))",
        r"\{1,2\}\times\{1,2\}\times\{1,2\}^{99999}",
        r"\mathcal{P}(\mathcal{P}(\mathcal{P}(\{1,2,3,4,5\})))",
        r"\begin{pmatrix}1&1\\1&0\end{pmatrix}^{10^{12}}",
        r"\begin{pmatrix}9^{9^9}\\9^{9^{9^9}}\end{pmatrix}",
        r"\begin{bmatrix}a&b\\c&d\end{bmatrix}^{9999}",
        r"\begin{vmatrix}x^{999}&y^{999}\\z^{999}&w^{999}\end{vmatrix}",
        r"\begin{cases}x^{9^9}&x<0\\9^{9^{9^9}}&x\ge 0\end{cases}",
    ],
    # ---- code, for anything that ends in eval / sympify / a template / a shell / a LaTeX engine
    "code": [
        "__import__('os').system('touch /tmp/pwned')",
        '__import__("subprocess").run(["touch","/tmp/pwned"])',
        "open('/tmp/pwned','w').write('x')",
        "open('/etc/passwd').read()",
        "().__class__.__bases__[0].__subclasses__()",
        "().__class__.__mro__[1].__subclasses__()[104].__init__.__globals__['sys'].exit()",
        "(lambda: (yield))()",
        "(lambda f: f(f))(lambda f: f(f))",
        "lambda: 1",
        "exec('import os; os.system(\"touch /tmp/pwned\")')",
        "eval('9**9**9**9')",
        "compile('1','','eval')",
        'Symbol("x").__class__',
        'Symbol("x").__init__.__globals__',
        "S(\"__import__('os').system('touch /tmp/pwned')\")",
        "sympify('9**9**9**9')",
        "Integer(1).__init__.__globals__",
        "Integer(9)**Integer(9)**Integer(9)**Integer(9)",
        "Integer(10**9).__class__.__mro__",
        "f'{9**9**9**9}'",
        "f\"{__import__('os').system('touch /tmp/pwned')}\"",
        "(y:=7)",
        "[y:=9, y**y**y**y]",
        "[x for x in range(10**12)]",
        "sum(range(10**12))",
        "'a'*10**11",
        "[0]*10**11",
        "{i for i in iter(int,1)}",
        "list(iter(int,1))",
        "all(iter(lambda: 1, 0))",
        "print(7)",
        "input()",
        "breakpoint()",
        "exit()",
        "quit()",
        "raise SystemExit",
        "raise KeyboardInterrupt",
        "import os; os._exit(1)",
        "__import__('os')._exit(7)",
        "__import__('time').sleep(1000)",
        "while True: pass",
        "globals().clear()",
        "del __builtins__",
        "__builtins__['eval']('9**9')",
        "getattr(getattr(1,'__class__'),'__base__')",
        "setattr(Symbol,'__eq__',lambda a,b:True)",
        "type('X',(object,),{'__eq__':lambda s,o:True})()",
        "x.__class__.__eq__",
        "Lambda(x,x**x**x)(9**9)",
        "Function('__import__')('os')",
        "Eq(1,1)",
        "x == x + 7",
        "1 if True else 7 if",
        "@x",
        "*x",
        "**x",
        "x[10**9]",
        "x(x(x(x(x))))",
        "print",
        "self",
        "gold",
        "answer",
        "expected",
        "True or 7",
        "not 7",
        "1 is 2",
        "...",
        "_",
        "__",
        "\\N{DIGIT SEVEN}",
        "\\x37" * 99,
        "\\u0037" * 99,
        "b'\\xff'",
        "'''",
        '"' * 99,
        "#" * 99,
        "{{7*9**9**9}}",
        "${jndi:ldap://127.0.0.1/a}",
        "$(touch /tmp/pwned)",
        "`touch /tmp/pwned`",
        "; touch /tmp/pwned #",
        "| touch /tmp/pwned",
        "%s%s%s%s%n%n%n",
        "{0.__class__.__init__.__globals__}",
        "%(x)s",
        "!!python/object/apply:os.system ['touch /tmp/pwned']",
        "cos\nsystem\n(S'touch /tmp/pwned'\ntR.",
        "'; DROP TABLE golds; --",
        "../../../../etc/passwd",
        "file:///etc/passwd",
        "/dev/zero",
        "http://127.0.0.1:1/?a=7",
        "https://example.com/" + "a/" * 999,
        "System.exit(7)",
        "Quit[]",
        'Run["touch /tmp/pwned"]',
        "While[True]",
        "syms('x')",
        "latex(9**9**9)",
        "srepr",
        "E.__reduce__()",
        "pi.evalf(10**9)",
        "N(pi,10**9)",
        "sqrt(2).n(10**8)",
        "Rational('9'*10**9)",
        "Float('1e999999999')",
        "Poly(x**10**9+1).factor_list()",
        "factor(x**99999-1)",
        "expand((x+y+z)**2000)",
        "solve(x**99-x-7)",
        "simplify(sin(x)**999)",
        "Matrix(9999,9999,lambda i,j:i*j).det()",
        "roots(x**99+x+7)",
        "groebner([x**99-y,y**99-z],x,y,z)",
        "isprime(10**99999+7)",
        "symbols('x:99999999')",
        "Range(10**12)",
        "Permutation(10**9)",
        r"\def\a{\a}\a",
        r"\def\a{\a\a}\a",
        r"\newcommand{\x}{\x\x}\x",
        r"\newcommand{\loop}{\loop}\loop",
        r"\renewcommand{\frac}[2]{\frac{#2}{#1}}\frac{2}{7}",
        r"\let\frac\sqrt\frac{7}",
        r"\input{/etc/passwd}",
        r"\include{/dev/zero}",
        r"\write18{touch /tmp/pwned}",
        r"\immediate\write18{touch /tmp/pwned}",
        r"\openin5=/etc/passwd \read5 to\x \x",
        r"\loop\iftrue\repeat",
        r"\csname a\csname a\endcsname\endcsname",
        r"\catcode`\{=13 7",
        r"\expandafter\expandafter\expandafter\x",
        r"\hspace{10000000000cm}7",
        r"\verb|\boxed{7}|",
        r"\url{file:///etc/passwd}",
        "<script>alert(7)</script>",
        "<img src=x onerror=7>",
        "<!DOCTYPE x [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;'><!ENTITY c '&b;&b;&b;&b;&b;&b;&b;&b;'>]><x>&c;</x>",
        "<!ENTITY x SYSTEM 'file:///etc/passwd'>&x;",
        "<math><mn>7</mn></math>",
        "&#55;&#x37;&seven;&#99999999999;&#xd800;",
    ],
    "unicode": [
        "\ud800",
        "\udfff\ud800",
        "7\udc80",
        "x\ud83d",
        "\udce2\udc88\udc9e",
        "\ufeff",
        "\ufeff7",
        "\ufffe\uffff",
        "\uffff",
        "\U0010ffff",
        "\ue000\uf8ff",
        "\u202e7\u202c",
        "\u200f7\u200e",
        "\u2066\u20677\u2069",
        "\x007\x00",
        "7\x00",
        "\x1b[2J7",
        "\x07\x08\x7f",
        "7\b\b\b8",
        "\r7\r8",
        "7\x0b8\x0c9",
        "\x85\u2028\u20297",
        "\u0667\u06f7\u096d\uff17\U0001d7d5",
        "7\u0667.\u096d",
        "\u00b2\u00b2\u00b2",
        "\u2467\u2468",
        "\u2166\u216e",
        "\u5146\u5104\u4e07\u5343",
        "\u4e03\u5343\u5146",
        "\u0bf2\u0bf1",
        "\u137c",
        "\u00bd\u2153\u215e",
        "\u221a\u221a\u221a\u221a7",
        "\u222b\u222b\u222b7",
        "\u2211\u2211x",
        "\ufdfa",
        "\u0130\u00df\u0149",
        "\U0001f9ee\U0001f468\u200d\U0001f469\u200d\U0001f467",
        "7\u2044\u0660",
        "\u03a9\u2126",
        "\u212b",
        "7\u0338",
        "=\u0338",
        "\u2260",
        "x\u20d2\u0488",
        "\u2800",
        "\u3164",
        "\u115f",
        "\u00ad",
        "\U000e0031\U000e0037",
        "\ufffc\ufffd",
        "\u2212\u2013\u2014\u20107",
        "\uff0b\uff0b\uff17",
    ],
    "misc": [
        "1%%%%",
        "7%%%%%%%%%%%%%%%%%%%%",
        r"7\%\%\%\%",
        r"7^{\circ}^{\circ}^{\circ}",
        "7\u00b07\u20327\u2033" * 9,
        "2024-02-30",
        "99/99/9999",
        "31.12.1999 23:59:60",
        "7:7:7:7:7",
        "1;2;3;;;",
        "(7;8(",
        "]7,8[[",
        "\\{7,8",
        "7,8\\}\\}",
        "{{{7,8",
        "x+7+",
        "+x+7)((",
        "\\left(7",
        "\\right)7\\left(",
        "\\left.\\right.",
        r"\begin{matrix}7",
        r"\end{matrix}",
        r"\begin{x}\begin{y}7\end{x}\end{y}",
        r"\begin{\begin{\begin{",
        r"\sum_{\sum_{\sum_",
        r"\frac\frac\frac",
        r"\left\left\left(",
        r"\text{\text{\text{",
        r"7^^^^8",
        "7__8",
        "a_b_c_d_e^f^g^h",
        r"x\'\'\'\'",
        r"x''''''''''''''''''''''''''''''''",
        "$7 $8 $9 \\$",
        "$$$$7$",
        "\\(7\\]",
        "\\[\\(\\[7",
        "<think>" * 9 + "7",
        "<answer><answer>7</answer>",
        "#### #### 7",
        "**7**" * 50,
        "```\n```\n```7",
        "|7|8|\n|-|-|\n",
        "the answer is the answer is the answer is 7",
        r"\boxed{\boxed{\boxed{7}",
        r"}\boxed{7",
        "seven hundred million billion trillion zillion",
        "minus minus minus seven",
        "7 or or or",
        "and and and",
        "either 7 or",
        "?" * 99,
        "~" * 99,
    ],
}

FLOOD = {  # a million of each, alone
    "digits": "7",
    "zeros": "0",
    "letters": "a",
    "letter_x": "x",
    "spaces": " ",
    "lparen": "(",
    "rparen": ")",
    "lbrace": "{",
    "rbrace": "}",
    "lbracket": "[",
    "rbracket": "]",
    "langle": "<",
    "rangle": ">",
    "backslash": BS,
    "dollar": "$",
    "plus": "+",
    "minus": "-",
    "bang": "!",
    "bar": "|",
    "comma": ",",
    "semicolon": ";",
    "colon": ":",
    "dot": ".",
    "slash": "/",
    "star": "*",
    "equals": "=",
    "caret": "^",
    "underscore": "_",
    "percent": "%",
    "amp": "&",
    "hash": "#",
    "tilde": "~",
    "quote": "'",
    "dquote": '"',
    "backtick": "`",
    "newline": "\n",
    "cr": "\r",
    "tab": "\t",
    "nul": "\0",
    "question": "?",
    "at": "@",
    "frac": BS + "frac",
    "frac_brace": BS + "frac{",
    "boxed": BS + "boxed{",
    "sqrt": BS + "sqrt",
    "sqrt_brace": BS + "sqrt{",
    "left": BS + "left(",
    "right": BS + "right)",
    "esc_brace": BS + "{",
    "esc_dollar": BS + "$",
    "text_brace": BS + "text{ ",
    "mathrm": BS + "mathrm{",
    "begin": BS + "begin{matrix}",
    "begin_open": BS + "begin{",
    "pm": BS + "pm ",
    "cdot": BS + "cdot ",
    "quad": BS + "quad ",
    "thin": BS + ",",
    "not": BS + "not",
    "sum": BS + "sum_{",
    "int": BS + "int ",
    "sin": "sin ",
    "sin_paren": "sin(",
    "lfloor": BS + "lfloor ",
    "abs": BS + "left|",
    "zwsp": "\u200b",
    "zwj": "\u200d",
    "nbsp": "\u00a0",
    "combining": "\u0301",
    "bom": "\ufeff",
    "rtl": "\u202e",
    "emoji": "\U0001f600",
    "surrogate": "\ud800",
    "private": "\ue000",
    "nonchar": "\uffff",
    "ligature": "\ufdfa",
    "superscript": "\u2079",
    "half": "\u00bd",
    "radical": "\u221a",
    "fullwidth": "\uff17",
    "arabic_digit": "\u0667",
    "think": "<think>",
    "answer": "<answer>",
    "answer_7": "<answer>7</answer>",
    "hashes_7": "#### 7\n",
    "div": "<div>",
    "comment": "<!--",
    "amp_amp": "&amp;",
    "entity": "&#55;",
    "fence": "```\n",
    "bold": "**7",
    "table": "|-",
    "spaced_open": "( (",
    "open_close": "()",
    "cuplr": "(0,7)" + BS + "cup",
}

NEST = [  # (name, open, core, close): balanced, depth 10^5 and 10^3
    ("paren", "(", "7", ")"),
    ("brace", "{", "7", "}"),
    ("bracket", "[", "7", "]"),
    ("setbrace", r"\{", "7", r"\}"),
    ("leftright", r"\left(", "7", r"\right)"),
    ("leftsq", r"\left[", "7", r"\right]"),
    ("abs", r"\left|", "7", r"\right|"),
    ("bars", "|", "7", "|"),
    ("floor", r"\lfloor ", "7.5", r"\rfloor "),
    ("frac", r"\frac{1}{1+", "7", "}"),
    ("frac_top", r"\frac{", "7", "}{2}"),
    ("sqrt", r"\sqrt{2+", "7", "}"),
    ("sqrt_plain", r"\sqrt{", "2", "}"),
    ("root", r"\sqrt[3]{", "7", "}"),
    ("pow", "x^{", "7", "}"),
    ("pow9", "9^{", "9", "}"),
    ("sub", "x_{", "7", "}"),
    ("exp", r"\exp(", "7", ")"),
    ("ln", r"\ln(", "9", ")"),
    ("sin", r"\sin(", "7", ")"),
    ("fact", "(", "7", ")!"),
    ("max", "max(7,", "8", ")"),
    ("neg", "-(", "7", ")"),
    ("neg_brace", "-{", "7", "}"),
    ("text", r"\text{", "7", "}"),
    ("boxed", r"\boxed{", "7", "}"),
    ("overline", r"\overline{", "7", "}"),
    ("mathrm", r"\mathrm{", "7", "}"),
    ("dollar", "$", "7", "$"),
    ("slashparen", r"\(", "7", r"\)"),
    ("cf", "1+1/(", "7", ")"),
    ("pypow", "(", "x+7", ")**9"),
    ("powcaret", "(", "x+2", ")^2"),
    ("binom", r"\binom{", "7", "}{3}"),
    ("matrix", r"\begin{pmatrix}", "7", r"\end{pmatrix}"),
    ("cases", r"\begin{cases}", "7", r"\end{cases}"),
    ("sum", r"\sum_{k=1}^{", "7", "} k"),
    ("int", r"\int_0^{", "7", "} x dx"),
    ("tuple", "(7,", "8", ")"),
    ("set", r"\{7,", "8", r"\}"),
    ("div", "<div>", "7", "</div>"),
    ("answer", "<answer>", "7", "</answer>"),
    ("b", "**", "7", "**"),
    ("ramanujan", r"\sqrt{3x+", "x", "}"),
    ("lambda", "lambda x:(", "7", ")"),
    ("list", "[[", "7", "]]"),
    ("call", "x(", "7", ")"),
    ("or", "(7 or ", "8", ")"),
    ("fstr", "{", "x", "!r}"),
]


def built():
    many = lambda f, n, sep: sep.join(map(f, range(n)))
    var = lambda k: "x_{%d}" % k
    yield "digits_1e5", "7" * L
    yield "digits_neg_1e5", "-" + "7" * L
    yield "digits_fraction_1e5", r"\frac{" + "7" * L + "}{" + "3" * L + "9}"
    yield "digits_near_one", "1" + "0" * 4999 + "1/1" + "0" * 5000
    yield "decimal_nines_1e5", "0." + "9" * L  # finite, so not 1
    yield "decimal_one_and_a_bit", "1." + "0" * L + "1"
    yield "decimal_near_xp1", "x+1." + "0" * L + "1"
    yield "decimal_near_set", r"\{1,2." + "0" * L + r"1\}"
    yield "decimal_zero_1e6", "0." + "0" * M
    yield "repeating_1e5", r"0.\overline{" + "7" * L + "8}"
    yield "exponent_of_1e5_digits", "2^{" + "7" * L + "}"
    yield "sci_exponent_1e5_digits", "7e" + "9" * L
    yield "root_index_1e5_digits", r"\sqrt[" + "7" * L + "]{2}"
    yield "thousands_groups", "7" + ",000" * L
    yield "thousands_dots", "7" + ".000" * L
    yield "thousands_spaces", "7" + " 000" * L
    yield "thousands_braced", "7" + "{,}000" * L
    yield "thousands_apostrophe", "7" + "'000" * L
    yield "leading_zeros", "0" * M + "7"
    yield "minus_odd", "-" * (L + 1) + "1"  # -1
    yield "minus_odd_paren", "-(" * (K + 1) + "1" + ")" * (K + 1)  # -1
    yield "minus_spaced", "- " * L + "7"
    yield "plusminus_mixed", "+-" * L + "7"
    yield "bangs_after", "3" + "!" * L
    yield "bang_parens_900", "(" * 900 + "3" + "!)" * 900
    yield "percents_after", "7" + "%" * L
    yield "esc_percents_after", "7" + r"\%" * L
    yield "circ_after", "7" + r"^\circ" * L
    yield "primes_after", "x" + "'" * L
    yield "pm_40", "7" + r"\pm 1" * 40
    yield "pm_40_powers", "7" + "".join(r"\pm 2^{%d}" % k for k in range(40))
    yield "pm_40_unicode", "7" + "\u00b11" * 40
    yield "pm_40_sqrt", "x" + "".join(r"\pm\sqrt{%d}" % k for k in range(2, 42))
    yield "pm_set", r"\{" + ",".join([r"\pm 7\pm x\pm y"] * 400) + r"\}"
    yield "mp_nested", r"\pm(7\mp(" * 40 + "x" + "))" * 40
    yield "sum_of_surds", many(lambda k: r"\sqrt{%d}" % (k + 2), 400, "+")
    yield "sum_of_cuberoots", many(lambda k: r"\sqrt[%d]{%d}" % (k + 2, k + 3), 60, "+")
    yield "product_of_surds", many(lambda k: r"(1+\sqrt{%d})" % (k + 2), 60, "")
    yield "surd_denominator", r"\frac{1}{" + many(lambda k: r"\sqrt{%d}" % (k + 2), 40, "+") + "}"
    yield "poly_500", many(lambda k: "%dx^{%d}" % (k + 3, k), 500, "+")
    yield "poly_500_two_var", many(lambda k: "%dx^{%d}y^{%d}" % (k + 3, k, 500 - k), 500, "-")
    yield "poly_product_500", many(lambda k: "(x+%d)" % (k + 2), 500, "")
    yield "poly_product_powers", many(lambda k: "(x+%d)^{%d}" % (k + 2, k + 50), 100, "")
    yield "poly_product_vars", many(lambda k: "(1+%s)" % var(k), 60, "")
    yield "poly_1e4_sparse", many(lambda k: "x^{%d}" % (k * k + 7), 10**4, "+")
    yield "vars_1e4", many(var, 10**4, "+")
    yield "vars_1e4_product", many(var, 10**4, "")
    yield "vars_2000_power", "(" + many(var, 2000, "+") + ")^{7}"
    yield "vars_unicode", "+".join(map(chr, range(0x4E00, 0x4E00 + 5000)))
    yield "rational_function_200", many(lambda k: r"\frac{x^{%d}}{x-%d}" % (k, k + 2), 200, "+")
    yield "trig_sum_500", many(lambda k: r"\sin(%dx)\cos^{%d}(x)" % (k + 2, k), 500, "+")
    yield "trig_powers", r"\left(\sin x+\cos x\right)^{500}\left(\tan x+\sec x\right)^{500}"
    yield "ones_sum_1e5", "+".join(["1"] * L)
    yield "ones_minus_1e5", "-".join(["1"] * L)
    yield "twos_product_1e5", "*".join(["2"] * L)
    yield "twos_tower_1e4", "^".join(["2"] * 10**4)
    yield "twos_pytower_1e4", "**".join(["2"] * 10**4)
    yield "twos_quotient_1e5", "/".join(["2"] * L)
    yield "x_product_1e5", "*".join(["x"] * L)
    yield "equals_chain", "=".join(["7"] * L)
    yield "equals_chain_x", "=".join(["x"] * L) + "=7"
    yield "less_chain", many(str, 2 * 10**4, "<")
    yield "ratio_chain", many(str, 2 * 10**4, ":")
    yield "one_commas_1e5", "1," * L + "3"
    yield "one_spaces_1e5", "1 " * L + "3"
    yield "commas_spaces", ", " * L + "7"
    yield "or_1e5", "7" + " or 7" * L + " or 8"
    yield "or_paren_1e5", "(" * L + "7" + " or 8)" * L
    yield "and_words", "7 and " * L
    yield "the_answer_is", "the answer is " * L + "7"
    yield "number_words", "seven hundred " * L
    yield "number_words_million", "seven" + " million" * L
    yield "set_1e5", r"\{" + many(str, L, ",") + r"\}"
    yield "set_of_sets", r"\{" + ",".join([r"\{7,8\}"] * 10**4) + r"\}"
    yield "set_of_pairs", r"\{" + many(lambda k: "(%d,%d)" % (k, k * k), 2 * 10**4, ",") + r"\}"
    yield "set_of_surds_1000", r"\{" + many(lambda k: r"\sqrt{%d}+x^{%d}" % (k + 2, k), 1000, ",") + r"\}"
    yield "set_of_near_twins", r"\{" + many(lambda k: "2+10^{-%d}" % (k + 9), 2000, ",") + r"\}"
    yield "set_of_towers", r"\{" + many(lambda k: "9^{9^{9^{%d}}}" % k, 500, ",") + r"\}"
    yield "tuple_1e5", "(" + many(str, L, ",") + ")"
    yield "list_1e5", many(str, L, ",")
    yield "list_crossed", r"\text{" + many(lambda k: "%d, " % (k % 9), L, "") + "}"
    yield "union_1e4", many(lambda k: "(%d,%d)" % (2 * k, 2 * k + 1), 10**4, r"\cup")
    yield "union_towers", many(lambda k: "[9^{9^{%d}},9^{9^{%d}})" % (k, k + 1), 200, r"\cup ")
    yield "setminus_1e4", r"\mathbb{R}\setminus\{" + many(str, 10**4, ",") + r"\}"
    row = "&".join(["7"] * 300)
    yield "matrix_300", r"\begin{pmatrix}" + r"\\".join([row] * 300) + r"\end{pmatrix}"
    yield "det_matrix_300", r"\det\begin{bmatrix}" + r"\\".join([row] * 300) + r"\end{bmatrix}"
    yield (
        "matrix_symbols_40",
        r"\begin{vmatrix}"
        + many(lambda i: many(lambda j: "a_{%d,%d}" % (i, j), 40, "&"), 40, r"\\")
        + r"\end{vmatrix}",
    )
    yield "matrix_lists_300", "[" + ",".join(["[" + row.replace("&", ",") + "]"] * 300) + "]"
    yield (
        "matrix_ragged",
        r"\begin{pmatrix}" + r"\\".join("7" + "&7" * (k % 50) for k in range(2000)) + r"\end{pmatrix}",
    )
    yield "matrix_1e5_rows", r"\begin{pmatrix}" + r"7\\" * L + r"\end{pmatrix}"
    yield "matrix_power", r"\begin{pmatrix}" + r"\\".join([row[:59]] * 30) + r"\end{pmatrix}^{99999}"
    yield "cases_1e4", r"\begin{cases}" + many(lambda k: r"x^{%d}&x=%d" % (k, k), 10**4, r"\\") + r"\end{cases}"
    yield "equations_1000", many(lambda k: "x^{%d}+y=%d" % (k + 2, k), 1000, ",")
    yield "max_1e4", r"\max(" + many(str, 10**4, ",") + ")"
    yield "gcd_towers", r"\gcd(" + many(lambda k: "7^{7^{%d}}" % (k + 5), 100, ",") + ")"
    yield "abs_ambiguous", "|x-" * 500 + "7" + "|" * 500
    yield "abs_mixed", "||x|-|y|" * 5000
    yield "abs_sum_60", many(lambda k: "|x-%d|" % k, 60, "+")
    yield "floor_sum", many(lambda k: r"\lfloor x^{%d}\rfloor" % (k + 2), 400, "+")
    yield "mod_chain", "7^{7^7}" + r" \bmod 9^{9^9}" * 500
    yield "mixed_numbers", r"7\frac12" * 20000
    yield "frac_shorthand", r"\frac12" * L
    yield "frac_unbraced", r"\frac" * L + "7" * (L + 1)
    yield "sqrt_unbraced", r"\sqrt" * L + "2"
    yield "u_radicals", "\u221a" * L + "2"
    yield "superscripts_after_9", "9" + "\u2079" * L
    yield "pow_circle", "x^" * L + "7"
    yield "sub_super_mix", "x" + "_a^b" * L
    yield "power_no_close", "x^{" * L + "7"
    yield "paren_no_open", "7" + ")" * L
    yield "paren_no_close", "(" * L + "7"
    yield "brace_mismatch", "{(" * L + "7" + "})" * L
    yield "bracket_soup", "([{)]}" * L
    yield "left_no_right", r"\left(" * L + "7"
    yield "boxed_no_close", r"\boxed{" * L + "7"
    yield "boxed_many", r"\boxed{7}" * L
    yield "boxed_long", r"\boxed{" + "7+" * L + "7}"
    yield "spaces_then_x", " " * M + "x"
    yield "x_then_spaces_x", "x" + " " * M + "x"
    yield "tabs_newlines_x", "\t\n \r" * L + "x"
    yield "sevens_spread", "7".join([" " * 300] * 3000)
    yield "a_bang", "a" * M + "!"
    yield "ab_bang", "ab" * L + "!"
    yield "digits_then_letter", "7" * L + "q"
    yield "digit_comma_letter", "7,777" * L + "q"
    yield "dollar_spaces", "$ " * L + "x"
    yield "dots_then_7", ". " * L + "7"
    yield "backslash_space", "\\ " * L + "7"
    yield "backslash_newlines", "\\\n" * L + "7"
    yield "backslash_letters", r"\a" * L
    yield "one_long_command", "\\" + "a" * M
    yield "one_long_env", r"\begin{" + "a" * M + "}"
    yield "spaced_text", r"\text{ " * L + "7" + " }" * L
    yield "text_of_spaces", r"\text{" + " " * M + "7}"
    yield "phantoms", r"\phantom{7}" * L + "7"
    yield "colors", r"\color{red}{" * L + "7" + "}" * L
    yield "units_flood", "7 " + "m " * L
    yield "units_powers", "7 " + r"\text{ kg}\cdot\text{m}^{2}/\text{s}^{2}" * 10**4
    yield "units_slashes", "7 km" + "/h" * L
    yield "currency_flood", "$\u20ac\u00a3\u00a5" * L + "7"
    yield "emoji_and_7", "\U0001f600" * L + "7"
    yield "zw_between", "\u200b".join("7" * L)
    yield "combining_on_7", "7" + "\u0301\u0323" * L
    yield "combining_unsorted", "7" + "\u0301" * L + "\u0323" * L + "\u0345" * L
    yield "bidi_nest", "\u202b" * L + "7" + "\u202c" * L
    yield "variation_selectors", "7" + "\ufe0f\u20e3" * L
    yield "all_ascii_cycle", "".join(map(chr, range(128))) * 2000
    yield "all_bmp", "".join(map(chr, range(0x10000)))
    yield "mixed_script_digits", "7\u0667\u06f7\u096d\uff17" * L
    yield "control_soup", "".join(map(chr, range(32))) * 20000
    yield "code_plus", "__import__('os').system('touch /tmp/pwned')+" * 10**4 + "7"
    yield "code_attr_chain", "x" + ".__class__" * L
    yield "code_call_chain", "x" + "()" * L
    yield "code_index_chain", "x" + "[0]" * L
    yield "code_lambda_chain", "lambda:" * 10**4 + "7"
    yield "code_not_chain", "not " * L + "7"
    yield "code_ternary", "7 if x else " * 10**4 + "8"
    yield "code_long_name", "a" * L + "(7)"
    yield "code_comp", "[" + "7 " + "for x in range(10**9) " * 50 + "]"
    yield "code_strings", "'" + "\\'" * L
    yield "code_tilde", "~" * L + "7"
    yield "xml_laughs", "".join("<!ENTITY l%d '%s'>" % (k, ("&l%d;" % (k - 1)) * 10) for k in range(1, 30)) + "&l29;"
    yield "amp_nested", "&" + "amp;" * L + "#55;"
    yield (
        "macro_doubling",
        "".join(r"\def\%s{\%s\%s}" % (chr(97 + k), chr(98 + k), chr(98 + k)) for k in range(25)) + r"\a",
    )
    yield "newcommand_flood", many(lambda k: r"\newcommand{\x}{\x%d}" % k, 2 * 10**4, "") + r"\x"
    yield "urls", "https://example.com/?q=7 " * 20000
    yield "dates", "2024-01-31, " * 30000
    yield "think_close_flood", "<think>7</think>" * 50000
    yield "hash_flood_7", "#" * M + " 7"
    yield "markdown_emph", "*_" * L + "7" + "_*" * L
    yield "json_nest", '{"a":' * L + "7" + "}" * L
    yield "sum_nested_200", "".join(r"\sum_{k_{%d}=1}^{999}" % k for k in range(200)) + "x"
    yield "int_nested_200", r"\int_0^7" * 200 + "x" + r"\,dx" * 200
    yield "lim_nested_200", r"\lim_{x\to\infty}" * 200 + "x^{x}"
    yield "derivative_200", r"\frac{d}{dx}" * 200 + r"x^{x^{x}}"
    yield "log_bases", r"\log_{2+" * K + "7" + "}{9}" * K
    yield "complex_product", "".join("(%d+%di)" % (k + 2, k + 3) for k in range(3000))
    yield "complex_tower", "(1+i)^{" * 500 + "i" + "}" * 500
    yield "semiprime_400_digits", r"\sqrt{" + str((10**199 + 153) * (10**200 + 357)) + "}"
    yield "cancel_chain", many(lambda k: "10^{%d}-10^{%d}" % (k + 400, k + 399), 2000, "+")
    yield "harmonic_3000", many(lambda k: "1/%d" % (k + 1), 3000, "+")
    yield "big_fraction_sum", many(lambda k: r"\frac{1}{%d!}" % (k + 900), 300, "+")


def iter_cases():
    for group, texts in LITERALS.items():
        for k, t in enumerate(texts):
            yield "%s_%03d" % (group, k), t
    for name, unit in FLOOD.items():
        yield "flood_" + name, (unit * (M // len(unit) + 1))[:M]
    for name, a, core, b in NEST:
        yield "nest_1e3_" + name, nest(a, core, b, K)
        yield "nest_1e5_" + name, nest(a, core, b, L)
    yield from built()


def cases():
    return list(iter_cases())


if __name__ == "__main__":
    import time

    t0 = time.perf_counter()
    cs = cases()
    print(
        len(cs),
        "cases,",
        len({t for _, t in cs}),
        "distinct texts,",
        len({n for n, _ in cs}),
        "names,",
        round(sum(len(t) for _, t in cs) / 1e6, 1),
        "M characters,",
        round(time.perf_counter() - t0, 2),
        "s",
    )
