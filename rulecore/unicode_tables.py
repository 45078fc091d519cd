"""Unicode's general categories, scripts and simple case foldings, as google-re2 knows them: Unicode 15.0.

Data alone, so that a pattern means the same whatever Python a bundle is compiled with; `rulecore.charset` reads it.
`tests/rulecore/test_charset.py` holds every entry to google-re2.

A set of code points is a row of numbers in base 36, by twos: how far a range begins behind the end of the one before
(behind -1 for the first), and how many more code points it has than one. A folding is four numbers: the first of the
code points, how many there are, the step between them, and how far the next of the same letter lies from each.
"""

from __future__ import annotations

from typing import Final

CATEGORIES: Final = {
    "Cc": "1 v 2o w",
    "Cf": (
        "4u 0 11v 5 n 0 5d 0 1e 0 ap 1 29 0 2zw 0 1kt 4 r 4 1e 4 2 9 17yo 0 6y 2 3b6 0 g 0 6zn f qxt 3 440 7 h407 0 "
        "v 2n"
    ),
    "Co": "188x 4xr jpc1 1ekd 3 1ekd",
    "Cs": "16o1 1kv",
    "Ll": (
        "2q p 1n 0 16 n 2 7 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 "
        "2 0 2 0 2 0 2 0 2 0 2 1 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 1 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 "
        "0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 3 0 2 0 2 2 3 0 2 0 3 0 4 1 5 0 3 0 4 2 3 0 3 0 2 0 2 0 3 0 2 1 "
        "2 0 3 0 4 0 2 0 3 1 3 2 7 0 3 0 3 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 1 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 1 3 "
        "0 2 0 4 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 "
        "2 0 2 0 2 0 2 0 2 6 3 0 3 1 2 0 5 0 2 0 2 0 2 0 2 1w 2 q 5e 0 2 0 4 0 4 2 j 0 s y 2 1 4 2 2 0 2 0 2 0 2 0 "
        "2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 4 2 0 3 0 3 1 1g 1b 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 "
        "2 0 2 0 2 0 a 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 "
        "0 2 0 2 0 2 0 3 0 2 0 2 0 2 0 2 0 2 0 2 1 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 "
        "2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 "
        "0 2 0 2 0 2 0 2 0 2 0 1d 14 288 16 3 2 l5 5 1oj 8 3c 17 1s c 2 x 2v 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 "
        "2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 "
        "0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 "
        "2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 8 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 "
        "0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 "
        "2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 8 9 5 b 7 9 7 9 5 b 7 9 7 9 d 3 7 9 7 9 7 9 4 2 1 7 0 4 2 2 1 9 3 3 1 9 7 b "
        "2 2 1 7n 0 4 1 4 0 s 0 5 0 5 0 3 1 9 3 5 0 1i 0 23w 1b 2 0 4 1 2 0 2 0 2 0 5 0 2 1 2 5 6 0 2 0 2 0 2 0 2 0 "
        "2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 "
        "0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 1 8 0 2 0 5 0 d 11 2 0 6 0 nx0 0 2 "
        "0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 k 0 2 0 2 0 2 0 2 0 "
        "2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 3s 0 2 0 2 0 2 0 2 0 2 0 2 2 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 "
        "0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 7 2 0 2 0 3 0 2 0 2 0 "
        "2 0 2 0 5 0 2 0 3 0 2 2 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 6 0 6 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 5 0 2 "
        "0 7 0 2 0 2 0 2 0 2 0 t 0 4 0 mu 16 6 8 8 27 fnl 6 d 4 tm p y6 13 3t z 4c a 2 e 2 6 2 1 1dw 1e 2by v gw1 v "
        "k2j p r 6 2 h r p r 3 2 0 2 6 2 a r p r p r p r p r p r p r p r p r r t o 2 5 r o 2 5 r o 2 5 r o 2 5 r o "
        "2 5 2 0 1f9 9 2 j 7 5 1yw x"
    ),
    "Lm": (
        "j5 h 5 b f 4 8 0 2 0 3q 0 6 0 db 0 6f 0 4l 1 7i 1 5 0 w 0 a 0 4 0 4h 0 4o 0 yd 0 3k 0 fq 0 1cr 0 30 0 h0 0 "
        "cx 5 4v 1q e 0 z 10 j6 0 e 0 h c 2cg 1 6q 0 5c 0 d2 0 18 4 6 0 2q 1 2m 2 lxz 0 yr 5 7j 0 37 0 t 1 3e 8 29 "
        "0 o 0 2y 2 4 1 d2 0 n 0 3u 0 31 0 m 1 2w 3 a 0 glj 0 1a 1 1k1 5 2 15 2 8 jnq 3 uo c 1t 1 2 0 cnh 3 2 6 2 1 "
        "9iq 1p 5m 6 q6 0 v4 0"
    ),
    "Lo": (
        "4r 0 g 0 75 0 5 3 5t 0 n0 q 5 3 1a v 2 9 10 1 2 2q 2 0 p 1 b 2 3 0 h 0 2 t u 2g c 0 p w m l 17 o 8 a 6 n 2 "
        "5 i 14 1o 1h 4 0 j 0 8 9 h e 5 7 3 1 3 l 2 6 2 0 4 3 4 0 h 0 e 1 2 2 f 1 b 0 9 5 5 1 3 l 2 6 2 1 2 1 2 1 w "
        "3 2 0 k 2 h 8 2 2 2 l 2 6 2 1 2 4 4 0 j 0 g 1 o 0 c 7 3 1 3 l 2 6 2 1 2 4 4 0 v 1 2 2 g 0 i 0 2 5 4 2 2 3 "
        "4 1 2 0 2 1 4 1 4 2 4 b n 0 1h 7 2 2 2 m 2 f 4 0 r 2 3 0 3 1 v 0 5 7 2 2 2 m 2 9 2 4 4 0 w 1 2 1 g 1 i 8 2 "
        "2 2 14 3 0 h 0 6 2 9 2 p 5 6 h 4 n 2 8 2 0 3 6 1n 1b 2 1 d 5 1o 1 2 0 2 4 2 n 2 0 2 9 2 1 a 0 3 4 o 3 x 0 "
        "1s 7 2 z s 4 38 16 l 0 h 5 5 3 4 0 4 1 8 2 5 c d 0 36 94 2 3 3 6 2 0 2 3 3 14 2 3 3 w 2 3 3 6 2 0 2 3 3 e "
        "2 1k 2 3 3 1u 12 f 36 h7 3 g 2 p 6 22 7 7 8 h e i f h f c 2 2 g 1f 15 0 1w y 2 1g 8 4 3 x 2 0 6 1x b u 1e "
        "t 3 4 c 17 5 p 1j m a 1g 4x 1a i 7 1j t e 1 b 17 r z 16 2 b t 36 3 2 5 2 1 4 0 u3 3 2d4 1j p m a 6 2 6 2 6 "
        "2 6 2 6 2 6 2 6 2 6 fc 0 1i 0 5 2d 9 0 2 2h 5 0 6 16 2 2l i v 1d f e9 533 1t g7o 2 vq 1w 13 9 7f 5 f b 1 "
        "1v 0 1e 1x 4q 0 2w 0 4 6 2 2 2 3 2 m u 1f f 1d 1r 5 4 0 2 1 c r b m q s 8 1a 1a 4 3 8 b 4 2 14 o 2 2 7 l f "
        "2 5 4 0 4 1d 2 0 4 1 3 4 3 0 2 0 p 1 4 a 8 0 f 5 3 5 3 5 a 6 2 6 42 y u 8mb d m 5 1c 6it a5 3 2x 1w 0 2 9 "
        "2 c 2 4 2 0 2 1 2 1 2 2z y a2 j 1r 3 1h 15 b 39 4 2 3q 2y 9 2 18 3 u 4 5 3 5 3 5 3 2 10 b 2 p 2 i 2 1 2 e "
        "3 d z 3e au s 4 1c 1c v e j 2 7 7 11 b t 3 z 5 7 3l 25 2r 13 9 1f 4d 8m a l b 7 49 5 3 0 2 17 2 1 4 0 3 m "
        "b m a u 1u i 2 1 b l b p 1z 1j 7 1 1t 0 g 3 2 2 2 s 17 s 4 s 10 7 2 r s 1h b l b i e h 33 20 54 z 9p 15 7 "
        "1 27 s b 0 9 l 17 h 1b k s m d 1g 1m 1 3 0 e 18 x o r z u 0 3 0 9 y 4 0 d 1b f 3 m 0 2 0 10 h 2 o k 1 1s 6 "
        "2 0 2 3 2 e 2 9 8 1a 13 7 3 1 3 l 2 6 2 1 2 4 4 0 j 0 d 4 4f 1g j 3 l 2 v 1b l 1 2 0 55 1a 16 3 11 1b l 0 "
        "1o 16 e 0 20 q 12 6 56 17 5w 7 3 0 3 7 2 1 2 n g 0 2 0 2n 7 3 12 h 0 2 0 t 0 b 13 8 0 m 0 c 19 k 0 j 20 7c "
        "8 2 10 i 0 1e t 35 6 2 1 2 11 m 0 q 5 2 1 2 v f 0 94 i g 0 2 c 2 x 3h 0 28 pl 6f 5f 219 2o g tr i 5 33u g6 "
        "6nu fs 8 u i 26 i t j 1b 1g k 6 i oh 22 6 0 4w 4qf 9 yd 17 8 6wo 82 g 0 u 2 3 0 f 3 9 az 1s5 2y 6 c 4 8 8 "
        "9 6sx 0 dy 18 y 0 8y t j 17 dh q l2 6 2 3 2 1 2 e 2 5g 118 3 2 q 2 1 2 0 3 0 2 9 2 3 2 0 2 0 7 0 5 0 2 0 2 "
        "0 2 2 2 1 2 0 3 0 2 0 2 0 2 0 2 0 2 1 2 0 3 3 2 6 2 3 2 3 2 0 2 9 2 g 6 2 2 4 2 g 3et wyn x 37d 7 65 3 4g1 "
        "f 5rk g h9 1wj f1 15v 3t6 6 38f"
    ),
    "Lt": "cm 0 3 0 3 0 13 0 5ue 7 9 7 9 7 d 0 g 0 1c 0",
    "Lu": (
        "1u p 2u m 2 6 y 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 "
        "2 0 2 0 2 0 2 0 2 0 3 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 3 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 "
        "0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 1 2 0 2 0 4 1 2 0 2 1 2 2 3 3 2 1 2 2 4 1 2 1 2 0 2 0 2 1 2 0 3 0 "
        "2 1 2 2 2 0 2 1 4 0 8 0 3 0 3 0 3 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 3 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 3 0 3 "
        "0 2 2 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 "
        "2 0 2 0 2 0 2 0 8 1 2 1 3 0 2 3 2 0 2 0 2 0 2 0 82 0 2 0 4 0 9 0 7 0 2 2 2 0 2 1 2 g 2 8 10 0 3 2 4 0 2 0 "
        "2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 6 0 3 0 2 1 3 1e 1d 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 "
        "2 0 2 0 2 0 2 0 2 0 a 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 "
        "0 2 0 2 0 2 0 2 0 2 0 2 1 2 0 2 0 2 0 2 0 2 0 2 0 3 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 "
        "2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 "
        "0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 3 11 28a 11 2 0 6 0 k3 2d 1p7 16 3 2 8x 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 "
        "0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 "
        "2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 "
        "0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 a 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 "
        "2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 "
        "0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 a 7 9 5 b 7 9 7 9 5 c 0 2 0 2 0 2 0 9 7 21 3 d 3 d 3 d 4 c 3 7b 0 5 0 4 "
        "2 3 2 3 0 4 4 7 0 2 0 2 0 2 3 3 3 b 1 6 0 1q 0 22l 1b 1d 0 2 2 3 0 2 0 2 0 2 3 2 0 3 0 9 2 2 0 2 0 2 0 2 0 "
        "2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 "
        "0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 9 0 2 0 5 0 nym 0 2 0 2 0 2 0 2 "
        "0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 k 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 "
        "2 0 2 0 2 0 2 0 2 0 2 0 3s 0 2 0 2 0 2 0 2 0 2 0 2 0 4 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 "
        "0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 b 0 2 0 2 1 2 0 2 0 2 0 2 0 5 0 2 0 "
        "3 0 2 0 4 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 4 2 4 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 3 2 0 7 0 6 0 2 0 t "
        "0 h7w p xy 13 3t z 4d a 2 e 2 6 2 1 1d7 1e 2cu v gw1 v k2p p r p r p r 0 2 1 3 0 3 1 3 3 2 7 r p r 1 2 3 3 "
        "7 2 6 s 1 2 3 2 4 2 0 4 6 s p r p r p r p r p r p v o y o y o y o y o y 0 3ee x"
    ),
    "Mc": (
        "1s4 0 1k 0 3 2 9 3 2 1 1f 1 1n 2 7 1 3 1 b 0 18 0 1n 2 1v 0 1n 2 9 0 2 1 1i 1 1n 0 2 0 7 1 3 1 b 0 2v 1 2 "
        "1 4 2 2 2 b 0 16 2 1q 3 1q 1 1n 0 2 4 3 1 2 1 a 1 t 0 f 1 1n 2 6 2 2 2 b 0 17 1 24 2 7 7 j 1 97 1 1s 0 4s "
        "1 5 0 7 0 3 1 q 1 b 2 3 6 m 1 3 5 3 0 b 2 1a1 0 v 0 3m 0 8 7 2 1 9n 3 3 2 5 1 2 5 69 1 1n 0 2 0 a 0 2 1 9 "
        "5 42 0 1d 0 6 0 2 4 2 1 1q 0 v 0 5 1 3 0 1p 0 3 2 2 0 4 1 1d 7 9 1 4s 0 m 0 3sn 1 np0 1 3 0 2h 1 1f f 3z 1 "
        "1c 0 1d 1 5 1 3 2 33 1 3 1 p 0 1a 0 2 0 32 0 3 1 6 0 6m 1 2 1 2 1 2 0 jro 0 2 0 3k 0 1a 2 5 1 38 0 p 1 1o "
        "0 1d 2 a 1 e 0 2m 2 4 1 2 0 4r 2 w 1 1n 1 2 3 3 1 3 2 a 0 b 1 5u 2 9 1 4 0 2z 2 7 0 2 3 3 0 6m 2 7 3 3 0 "
        "36 2 9 1 2 0 32 0 2 1 7 0 2y 1 5 0 7a 2 a 0 6w 5 2 1 5 0 3 0 2 0 3z 2 9 3 5 0 2d 0 u 1 1r 0 bc 0 f 0 2z 0 "
        "8 0 3 0 5y 4 5 1 2 0 9r 1 d 0 1d 1 9 1 2 0 ftc 1i 2x 1 j90 1 7 5"
    ),
    "Me": "w9 1 4dx 0 17j 3 2 2 qdo 2",
    "Mn": (
        "ld 33 7o 4 7e 18 2 0 2 1 2 1 2 0 21 a 1d k h 0 2u 6 3 5 3 1 2 3 10 0 v q 2k a 1n 8 a 0 p 3 2 8 2 2 2 4 18 "
        "2 1p 7 17 n 2 v 1k 0 2 0 5 7 5 0 4 6 b 1 u 0 1n 0 5 3 9 0 l 1 r 0 3 1 1m 0 5 1 5 1 3 2 4 0 v 1 4 0 c 1 1m "
        "0 5 4 2 1 5 0 l 1 n 5 2 0 1n 0 3 0 2 3 9 0 8 1 c 1 v 0 1q 0 d 0 1f 0 4 0 1k 0 2 2 6 2 2 3 8 1 c 1 u 0 1n 0 "
        "3 0 7 0 6 1 l 1 t 1 1m 1 5 3 9 0 l 1 u 0 21 0 8 2 2 0 2j 0 3 6 d 7 2r 0 3 8 c 6 22 1 s 0 2 0 2 0 1k d 2 4 "
        "2 1 6 a 2 z a 0 2v 3 2 5 2 1 3 1 q 1 5 2 h 3 e 0 3 1 7 0 g 0 jk 2 qb 2 u 1 v 1 v 1 1t 1 2 6 9 0 3 a a 0 1a "
        "2 2 0 3a 1 z 0 3b 2 5 1 a 0 7 2 64 1 3 0 1n 0 2 6 2 0 2 0 3 7 7 9 3 0 1d d 2 f 1e 3 1d 0 2 4 2 0 6 0 15 8 "
        "d 1 x 3 3 1 2 2 1l 0 2 1 4 0 2 2 1n 7 3 1 49 2 2 c 2 6 5 0 7 0 4 1 5j 1r k1 c 5 0 4 b 2db 2 3y 0 2p v ff 3 "
        "30 1 n9x 0 5 9 x 1 29 1 7l 0 4 0 5 0 q 1 6 0 48 1 r h e 0 13 7 q a 1b 2 1d 0 3 3 3 1 14 0 1w 5 3 1 3 1 d 0 "
        "9 0 1c 0 1g 0 2 2 3 1 6 1 2 0 17 1 9 0 6n 0 3 0 5 0 fn5 0 ki f h f r2 0 6b 0 46 4 1af 2 2 1 6 3 15 2 5 0 "
        "4m 1 fy 3 as 1 29 2 1z a 1e 3 3g 0 1j e 16 0 3 1 b 2 1e 3 3 1 8 0 1q 2 11 4 2 7 1r 0 d 1 1h 8 b 3 3 0 2o 2 "
        "3 0 2 1 7 0 3 0 4e 0 4 7 m 1 1m 1 4 0 12 6 4 4 5g 7 3 2 2 0 o 0 2d 5 2 0 5 1 2 1 6n 3 7 1 2 1 s 1 2e 7 3 0 "
        "2 1 2z 0 2 0 3 5 2 0 2u 2 3 3 2 4 78 8 2 1 75 1 2 0 5 0 41 3 3 1 5 0 x 9 15 5 3 3 9 0 a 5 3 2 1b c 2 1 bb "
        "6 2 5 2 0 2b l 3 6 2 1 2 1 3f 5 4 0 2 1 2 6 2 0 21 1 4 0 2 0 9o 1 c 1 1h 4 6 0 2 0 45a 0 7 e asb 4 1o 6 t5 "
        "0 1s 3 2a 0 f5l 1 3mq 19 3 m f5 2 i 7 3 6 v 3 45 2 1j0 1i 5 1d 9 0 f 0 n 4 2 e 11t 6 2 g 3 6 2 1 2 4 2t 0 "
        "4h 6 ag 0 1q 3 e5 3 rl 6 32 6 gzhy 6n"
    ),
    "Nd": (
        "1d 9 17r 9 3r 9 5j 9 bh 9 3b 9 3b 9 3b 9 3b 9 3b 9 3b 9 3b 9 3b 9 3b 9 2p 9 3b 9 1z 9 7r 9 1z 9 1fr 9 13 9 "
        "8d 9 3l 9 4n 9 7 9 53 9 2f 9 3r 9 7 9 r7r 9 iv 9 13 9 5j 9 n 9 2f 9 bb 9 gev 9 13b 9 1on 9 ml 9 3l 9 1p 9 "
        "41 9 7r 9 9j 9 3b 9 af 9 2v 9 2v 9 br 9 2v 9 l3 9 6v 9 1z 9 br 9 etj 9 2f 9 3r 9 lf9 1d 1tt 9 br 9 dz 9 uv "
        "9 3o7 9"
    ),
    "Nl": "4j3 2 228 y 3 3 2v3 0 q 8 f 2 nfw 9 hu9 1g ct 0 9 0 3r 4 6cr 32",
    "No": (
        "4z 1 6 0 3 2 1ti 5 ah 5 3d 2 3q 6 62 6 i 8 c2 9 ty j vo 9 dd 0 1au 0 4 5 7 9 5j f 16 0 k7 1n 27 l hj t 12i "
        "0 wl 3 3v 9 v 7 2 e x 9 14 e n75 5 hjm 18 1u 3 i 1 9i q 11 3 111 7 q 6 14 8 24 4 n 5 4h 1 3 f 3 19 1t 8 1h "
        "1 v 2 24 4 2x 7 p 7 16 6 97 5 9t u 4f 9 17 3 35 6 3r j ak j 11i 1 bz 8 o8 i no k ex3 6 m7 m jsa j d j 31 o "
        "47j 8 pu 1m 2 2 2 3 25 18 2 e qr c"
    ),
    "Pc": "2o 0 6ao 1 k 0 17tr 1 p 2 6o 0",
    "Pd": "1a 0 125 0 1g 0 2te 0 sm 0 1l6 5 2rm 0 3 0 w 1 5 0 t 0 cf 0 k 0 34 0 14lt 1 12 0 b 0 4q 0 334 0",
    "Pe": (
        "16 0 1g 0 w 0 2wu 0 2 0 1gf 0 1wq 0 1k 0 g 0 hn 0 2 0 v 0 u7 0 2 0 2 0 2 0 2 0 2 0 2 0 29 0 x 0 2 0 2 0 2 "
        "0 2 0 b9 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 1t 0 2 0 y 0 ti 0 2 0 2 0 2 0 19 0 2 0 2 0 2 0 bx 0 2 0 "
        "2 0 2 0 2 0 4 0 2 0 2 0 2 0 3 1 14in 0 62 0 u 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 4 0 i 0 2 0 2 0 4r 0 1g 0 w 0 "
        "3 0 3 0"
    ),
    "Pf": "58 0 672 0 4 0 t 0 2q1 0 2 0 5 0 3 0 g 0 4 0",
    "Pi": "4s 0 67h 0 3 1 3 0 q 0 2q1 0 2 0 5 0 3 0 g 0 4 0",
    "Po": (
        "y 2 2 2 3 0 2 0 2 1 b 1 4 1 s 0 1x 0 6 0 f 1 8 0 jj 0 9 0 cz 5 16 0 1j 0 3 0 3 0 19 1 l 1 2 1 e 0 2 2 23 3 "
        "2v 0 18 d 6i 2 1j e w 0 7a 1 b 0 3x 0 3d 0 3e 0 av 0 d 0 a8 0 2j 0 b 1 4p e 2 0 35 0 23 4 5 1 34 5 4s 0 h1 "
        "8 li 0 3h 2 20 1 4e 2 2 2 12 5 2 3 8q 1 61 1 3l 6 2 5 4t 6 t 1 3i 3 1o 4 1r 1 1t 7 c 0 n7 1 9 7 9 8 3 3 3 "
        "2 4 a 2 0 2 9 2hn 3 2 1 35 0 40 1 5 2 3 0 3 8 2 1 2 0 3 1 b 4 2 9 3 3 2 0 2 c 3 2 bx 2 1m 0 5a 0 mwz 1 7i "
        "2 2s 0 b 0 38 5 al 3 2f 1 15 2 2 0 1e 1 1c 0 2q c h 1 3h 3 3j 1 h 1 6y 0 g85 6 3 0 n 0 l 1 3 3 4 2 2 3 8 2 "
        "7 0 2 1 46 2 2 2 3 0 2 0 2 1 b 1 4 1 s 0 11 0 3 1 bf 2 il 0 1d 0 bj 0 ko 0 5k 0 w 0 7l 8 13 0 35 6 1v 6 2i "
        "3 qh 4 19 3 5a 6 32 1 2 3 3j 3 1d 1 28 3 5 0 e 0 2 2 2h 5 30 0 bm 4 b 1 2 0 2x 0 6z m 2y 2 t c 25 0 3n 2 "
        "71 0 7d 2 4c 0 2l 7 2c 2 2 4 2m 9 8o 4 17 1 hy 1 23 c 4w 0 vl 4 29p 1 bjw 1 3q 0 1u 4 9 0 nn 3 94 0 f5p 0 "
        "5wo 4 2xf 1"
    ),
    "Ps": (
        "15 0 1f 0 w 0 2wv 0 2 0 1gf 0 1vj 0 4 0 13 0 1k 0 g 0 hn 0 2 0 v 0 u7 0 2 0 2 0 2 0 2 0 2 0 2 0 29 0 x 0 2 "
        "0 2 0 2 0 2 0 b9 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 1t 0 2 0 y 0 ti 0 2 0 2 0 2 0 q 0 j 0 2 0 2 0 2 "
        "0 bx 0 2 0 2 0 2 0 2 0 4 0 2 0 2 0 2 0 3 0 14iq 0 60 0 u 0 2 0 2 0 2 0 2 0 2 0 2 0 2 0 4 0 i 0 2 0 2 0 4r "
        "0 1f 0 w 0 4 0 3 0"
    ),
    "Sc": (
        "11 0 3i 3 yy 0 3g 0 dv 1 dv 1 8 0 6u 0 7c 0 g6 0 1wc 0 1qd w qrc 0 gxw 0 31 0 4b 0 64 1 4 1 6bb 3 12jj 0 1wx 0"
    ),
    "Sk": (
        "2n 0 2 0 20 0 7 0 5 0 4 0 ei 3 d d 6 6 2 0 2 g 3a 0 f 1 zn 0 4l1 0 2 2 c 2 e 2 e 2 e 1 3a5 1 ndw m a 1 2w "
        "1 r5 0 f 1 fuv g os 0 2 0 4j 0 1c7s 4"
    ),
    "Sm": (
        "18 0 h 2 1q 0 2 0 1a 0 5 0 12 0 w 0 lb 0 eo 2 56k 0 e 0 14 2 e 2 3w 0 14 4 7 0 1x 4 6 1 5 0 3 0 3 0 8 0 w "
        "1 3 0 2 0 w 7f x 1 2j 0 v o 15 5 d2 0 a 0 1j 7 34 0 9d 4 3 u b f 75 3m n 1q 5 v 3 75 1d k 3 5 1525 0 mx 0 "
        "2 2 4l 0 h 2 1q 0 2 0 3o 0 7 3 16fp 0 q 0 w 0 q 0 w 0 q 0 w 0 q 0 w 0 q 0 4kt 1"
    ),
    "So": (
        "4n 0 3 0 5 0 2 0 r6 0 7f 1 3k 1 5r 0 b 0 k 1 6w 0 ec 0 ae 0 3n 5 2 0 3p 0 5s 0 16 0 aw 2 g 0 2 2 3 5 l 0 2 "
        "0 2 0 3q 7 2 5 2 1 6 3 5i 1 kx 9 k4 0 k3 0 4e x 9u 9 a 8 138 1 2 3 2 1 b 0 2 1 7 5 2 0 2 0 2 0 5 0 c 1 f 0 "
        "2 1 2 0 1n 1 a 4 3 3 2 1 2 1 2 6 2 u 3 1 2 0 2 u 7h 7 5 j 3 6 3 28 2 t q 13 7 1w q a 2a 25 n 52 2 8 2 1h 9 "
        "32 2 6v 19 17 1t 73 e9 1b m 1 7 12 3 v 2 2w 6e 5 9y 1 1b p 2 2g d 5x r f 5 0 e 1 d 0 m 1 7 1 9d 1 5 9 x z "
        "c 0 h u c t 9 0 g v b 12 g 8v 535 1r h3l 1i o2 3 b 1 2 0 fy 2 gcn f 3k 0 1a 2 dh 0 4 0 5 1 e 1 8q 8 1m g 3 "
        "2 2 c 4 0 1c 18 1a3 1 gg 0 2gn 0 1p2 7 5 g evf 3 6 0 g2f 0 3p0 37 1p 6t b 12 3 1n 6 2 n 1 8 t 5 1o m 1t 4 "
        "0 57 2e x6 e7 1k 3 1f 7 2 d 2 1 1c9 0 28t 0 3m 0 k2 17 5 2r d e 3 e 2 e 2 10 o 4g 1l s e 17 5 8 8 1 f 5 4b "
        "6y 6 k7 5 g 4 c 4 3a 5 2m 7 b 5 0 g b 5 1j 9 9 7 13 9 t 3 1 27 9f d d 3 c 4 8 8 19 2 6 9 d 5 8 8 8 8 42 2 "
        "1i"
    ),
    "Yi": "vlt wc 4 1i",
    "Zl": "6cp 0",
    "Zp": "6cq 0",
    "Zs": "x 0 3k 0 4bk 0 1vk a 11 0 1c 0 335 0",
}

SCRIPTS: Final = {
    "Adlam": "2old 23 5 9 5 1",
    "Ahom": "1j41 q 3 e 5 m",
    "Anatolian_Hieroglyphs": "1s01 g6",
    "Arabic": (
        "16p 4 2 5 2 d 2 2 2 v 2 9 c p 2 2z 2 x 29 1b 6p u 2 1 7 21 2 s 1bv5 36 h a2 3 27 3 1h 8 0 x f 35 4 2 3q "
        "31g u 3j 2 181t 3 2 q 2 1 2 0 3 0 2 9 2 3 2 0 2 0 7 0 5 0 2 0 2 0 2 2 2 1 2 0 3 0 2 0 2 0 2 0 2 0 2 1 2 0 "
        "3 3 2 6 2 3 2 3 2 0 2 9 2 g 6 2 2 4 2 g 1h 1"
    ),
    "Armenian": "10y 11 3 1d 3 2 1chw 4",
    "Avestan": "1gqp 1h 4 6",
    "Balinese": "5c1 24 4 1a",
    "Bamum": "wwx 2f 124p fs",
    "Bassa_Vah": "1zo1 t 3 5",
    "Batak": "5hd 1f 9 3",
    "Bengali": "1vl 3 2 7 3 1 3 l 2 6 2 0 4 3 3 8 3 1 3 3 9 0 5 1 2 4 3 o",
    "Bhaiksuki": "1k3l 8 2 18 2 d b s",
    "Bopomofo": "kr 1 93u 16 35 v",
    "Brahmi": "1hq9 25 5 z a 0",
    "Braille": "7wh 73",
    "Buginese": "54x r 3 1",
    "Buhid": "4ld j",
    "Canadian_Aboriginal": "3y9 hr fl 1x 1ewr f",
    "Carian": "1f35 1c",
    "Caucasian_Albanian": "1fld 1f c 0",
    "Chakma": "1hxd 1g 2 h",
    "Cham": "xkx 1i a d 3 9 3 3",
    "Cherokee": "3vl 2d 3 5 twz 27",
    "Chorasmian": "1ho1 r",
    "Common": (
        "1 1s r 5 r 1a 2 e 2 4 o 0 w 0 ci 12 6 4 3 j 39 0 a 0 7 0 2 0 hq 0 7 0 f 0 4 0 x 0 4d 0 ed 0 3m 1 yi 0 ba 3 "
        "83 0 168 2 20 1 5o 1 2 0 y6 0 e 0 8 3 2 5 2 2 3 0 li b 3 2e 2 a 4 a 2 e i w 1s 11 2 2 3 5 2 q 2 g 16 2 5 "
        "ie q a m pr 75 hf 3 v 2 2w e9 2l b7 k 2 0 2 o g 7 5 3 2k 1 4 0 2j 1 44 f x z c 0 1d 1r w 28 1c 0 2h 4n 535 "
        "1r hkx x 2v 2 4m 9 6t 0 4h 0 b0 0 f 1 g5v 1 5t 9 n y 2 i 2 3 44 0 2 v r 5 r a b 0 1a 1 1t 6 2 6 b 4 77 2 5 "
        "18 4 8 29 c 1g 18 6d q 10o5 3 3ot 37 1p 6t b 12 3 1p 4 g 9 1 8 t 5 1o 5y j d j d 2e a o 3s 2c 2 1y 2 1 3 0 "
        "3 1 3 3 2 b 2 0 2 6 2 1s 2 3 3 7 2 6 2 r 2 3 2 4 2 0 4 6 2 9f 3 83 3 1d 41e 1v 25 1o jn 17 5 2r d e 3 e 2 "
        "e 2 10 b 4t 1l p 2 1 e 17 5 8 8 1 f 5 4b rb 5 g 4 c 4 3a 5 2m 7 b 5 0 g b 5 1j 9 9 7 13 9 t 3 1 27 9f d d "
        "3 c 4 8 8 19 2 6 9 d 5 8 8 8 8 42 2 1i 12 9 gvm0 0 v 2n"
    ),
    "Coptic": "rn d 80h 37 6 6",
    "Cuneiform": "1kw1 pl 2v 32 2 4 c 5f",
    "Cypriot": "1g5d 5 3 0 2 17 2 1 4 0 3 0",
    "Cypro_Minoan": "1nyp 2q",
    "Cyrillic": "sh 3o 3 4o 4lt 8 4j 0 25 0 38o v nr5 2n han 1 18n5 1p y 0",
    "Deseret": "1fcx 27",
    "Devanagari": "1s1 28 5 e 3 p vhd v mip 9",
    "Dives_Akuru": "1ji9 6 3 0 3 7 2 1 2 t 2 1 3 b a 9",
    "Dogra": "1jb5 1n",
    "Duployan": "2fpd 2y 6 c 4 8 8 9 3 3",
    "Egyptian_Hieroglyphs": "1o1t ut",
    "Elbasan": "1fk1 13",
    "Elymaic": "1hpd m",
    "Ethiopic": (
        "3k1 20 2 3 3 6 2 0 2 3 3 14 2 3 3 w 2 3 3 6 2 0 2 3 3 e 2 1k 2 3 3 1u 3 v 4 p 547 m a 6 2 6 2 6 2 6 2 6 2 "
        "6 2 6 2 6 opv 5 3 5 3 5 a 6 2 6 1qk2 6 2 3 2 1 2 e"
    ),
    "Georgian": "3a9 11 2 0 6 0 3 16 2 3 2a9 16 3 2 37l 11 2 0 6 0",
    "Glagolitic": "8ox 2n 2e1t 6 2 g 3 6 2 1 2 4",
    "Gothic": "1f75 q",
    "Grantha": "1ibl 3 2 7 3 1 3 l 2 6 2 1 2 4 3 8 3 1 3 2 3 0 7 0 6 6 3 6 4 4",
    "Greek": (
        "oh 3 2 2 3 3 2 0 5 0 2 0 2 2 2 0 2 j 2 1q f f 4yv 4 1f 4 5 4 2d 0 8x l 3 5 3 11 3 5 3 7 2 0 2 0 2 0 2 u 3 "
        "1g 2 e 2 d 3 5 2 i 3 2 2 8 88 0 rb3 0 gyj 26 i 0 155s 1x"
    ),
    "Gujarati": "22q 2 2 8 2 2 2 l 2 6 2 1 2 4 3 9 2 2 2 2 3 0 g 3 3 b 8 6",
    "Gunjala_Gondi": "1kdd 5 2 1 2 10 2 1 2 5 8 9",
    "Gurmukhi": "1z6 2 2 5 5 1 3 l 2 6 2 1 2 1 2 1 3 0 2 4 5 1 3 2 4 0 8 3 2 0 8 g",
    "Han": (
        "96p p 2 2g d 5x 1c 0 2 0 q 8 f 3 qt 533 1t g73 hkx a5 3 2x n49 1 d 1 sgf wyn x 37d 7 65 3 4g1 f 5rk g h9 "
        "1wj f1 15v 3t6 6 38f"
    ),
    "Hangul": "3cx 73 5yn 1 76 2l 36 u 1u u nhe s hw 8mb d m 5 1c 7tx u 4 5 3 5 3 5 3 2",
    "Hanifi_Rohingya": "1h4x 13 9 9",
    "Hanunoo": "4kh k",
    "Hatran": "1gbl i 2 1 6 4",
    "Hebrew": "13m 1i 9 q 5 5 1cfd p 2 4 2 0 2 1 2 1 2 9",
    "Hiragana": "9j6 2d 7 2 23qa 7y j 0 u 2 cry 0",
    "Imperial_Aramaic": "1g75 l 2 8",
    "Inherited": (
        "ld 33 7q 1 cl a r 0 kh 3 3fg u ea 2 2 c 2 6 5 0 7 0 4 1 5j 1r el 1 5f w 30a 3 30 1 14km f h d r4 0 6b 0 "
        "38b 0 1139 19 3 m f5 2 i 7 3 6 v 3 h45v 6n"
    ),
    "Inscriptional_Pahlavi": "1gtd i 6 7",
    "Inscriptional_Parthian": "1gsh l 3 7",
    "Javanese": "xhd 25 3 9 5 1",
    "Kaithi": "1htt 1u b 0",
    "Kannada": "2gx c 2 2 2 m 2 9 2 4 3 8 2 2 2 3 8 1 7 1 2 3 3 9 2 2",
    "Katakana": "9lu 2h 3 2 6p f 5t 1a 2 2f 14b3 9 2 18 ytv 3 2 6 2 1 2 0 80 2 1f 0 f 3",
    "Kawi": "1kox g 2 14 4 r",
    "Kayah_Li": "xdt 19 2 0",
    "Kharoshthi": "1gjl 3 2 1 6 7 2 2 2 s 3 2 5 9 8 8",
    "Khitan_Small_Script": "20o5 0 5cs d1",
    "Khmer": "4n5 2l 3 9 7 9 dj v",
    "Khojki": "1i4h h 2 1a",
    "Khudawadi": "1i9d 1m 6 9",
    "Lao": "2v6 1 2 0 2 4 2 n 2 0 2 m 3 4 2 0 2 6 2 9 3 3",
    "Latin": (
        "1u p 7 p 1c 0 g 0 6 m 2 u 2 cg 14 4 55o 11 7 1c 6 3 6 c 2 1x 1u 73 aa 0 e 0 h c 3y 1 7 0 s 0 i 14 254 v "
        "o83 2t 4 1r 6 1 2 0 2 4 p d mp 16 2 8 2 3 fpz 6 t7 p 7 p 1ly 5 2 15 2 8 16iu u 7 5"
    ),
    "Lepcha": "5j5 1j 4 e 4 2",
    "Limbu": "4xt u 2 b 5 b 5 0 4 b",
    "Linear_A": "1fr5 8m a l b 7",
    "Linear_B": "1ekh b 2 p 2 i 2 1 2 e 3 d z 3e",
    "Lisu": "wk1 1b o8h 0",
    "Lycian": "1f29 s",
    "Lydian": "1gdd p 6 0",
    "Mahajani": "1hzl 12",
    "Makasar": "1ko1 o",
    "Malayalam": "2kh c 2 2 2 1e 2 2 2 5 5 f 3 p",
    "Mandaic": "1mp r 3 0",
    "Manichaean": "1gox 12 5 b",
    "Marchen": "1k6p v 3 l 2 d",
    "Masaram_Gondi": "1kap 6 2 1 2 17 4 0 2 1 2 8 9 9",
    "Medefaidrin": "20ch 2i",
    "Meetei_Mayek": "xr5 m 5m 19 3 9",
    "Mende_Kikakui": "2oe9 5g 3 f",
    "Meroitic_Cursive": "1ggx n 5 j 3 19",
    "Meroitic_Hieroglyphs": "1gg1 v",
    "Miao": "20ht 22 5 1k 8 g",
    "Modi": "1iwx 1w c 9",
    "Mongolian": "4qp 1 3 0 2 j 7 2g 8 16 1e46 c",
    "Mro": "1zk1 u 2 9 5 1",
    "Multani": "1i81 6 2 0 2 3 2 e 2 a",
    "Myanmar": "35t 4f u9t u 2q v",
    "Nabataean": "1g8x u 9 8",
    "Nag_Mundari": "2nrl 15",
    "Nandinagari": "1jmp 7 3 19 3 a",
    "New_Tai_Lue": "51d 17 5 p 7 a 4 1",
    "Newa": "1iip 2j 2 4",
    "Nko": "1j5 1m 3 2",
    "Nushu": "20o2 0 cy7 az",
    "Nyiakeng_Puachue_Hmong": "2n0h 18 4 d 3 9 5 1",
    "Ogham": "4g1 s",
    "Ol_Chiki": "5ld 1b",
    "Old_Hungarian": "1h1d 1e e 1e 8 5",
    "Old_Italic": "1f5t z a 2",
    "Old_North_Arabian": "1gn5 v",
    "Old_Permic": "1f81 16",
    "Old_Persian": "1fa9 z 5 d",
    "Old_Sogdian": "1hj5 13",
    "Old_South_Arabian": "1gm9 v",
    "Old_Turkic": "1gxt 20",
    "Old_Uyghur": "1hm9 p",
    "Oriya": "26a 2 2 7 3 1 3 l 2 6 2 1 2 4 3 8 3 1 3 2 8 2 5 1 2 4 3 h",
    "Osage": "1fht z 5 z",
    "Osmanya": "1fgh t 3 9",
    "Pahawh_Hmong": "1zpd 1x b 9 2 6 2 k 6 i",
    "Palmyrene": "1g81 v",
    "Pau_Cin_Hau": "1jup 1k",
    "Phags_Pa": "x8h 1j",
    "Phoenician": "1gch r 4 0",
    "Psalter_Pahlavi": "1gu9 h 8 3 d 6",
    "Rejang": "xf5 z c 0",
    "Runic": "4gx 22 4 a",
    "Samaritan": "1kx 19 3 e",
    "Saurashtra": "xa9 1x 9 b",
    "Sharada": "1i0x 2n",
    "Shavian": "1ff5 1b",
    "Siddham": "1itd 1h 3 11",
    "SignWriting": "2l8h i3 g 4 2 e",
    "Sinhala": "2o2 2 2 h 4 n 2 8 2 0 3 6 4 0 5 5 2 0 2 7 7 9 3 2 1fcd j",
    "Sogdian": "1hkh 15",
    "Sora_Sompeng": "1hw1 o 8 9",
    "Soyombo": "1jrl 2a",
    "Sundanese": "5fl 1r 75 7",
    "Syloti_Nagri": "x6p 18",
    "Syriac": "1dt d 2 1n 3 2 7l a",
    "Tagalog": "4jl l a 0",
    "Tagbanwa": "4m9 c 2 2 2 1",
    "Tai_Le": "501 t 3 4",
    "Tai_Tham": "55t 1q 2 s 3 a 7 9 7 d",
    "Tai_Viet": "xoh 1u p 4",
    "Takri": "1j0h 1l 7 9",
    "Tamil": "29v 1 2 5 4 2 2 3 4 1 2 0 2 1 4 1 4 2 4 b 5 4 4 2 2 3 3 0 7 0 f k 1ih2 1d e 0",
    "Tangsa": "1zld 26 2 9",
    "Tangut": "20o1 0 w 4qf 9 lb e9 8",
    "Telugu": "2dd c 2 2 2 m 2 f 3 8 2 2 2 3 8 1 2 2 3 0 3 3 3 9 8 8",
    "Thaana": "1hd 1d",
    "Thai": "2rm 1l 6 r",
    "Tibetan": "2yp 1z 2 z 5 12 2 z 2 e 2 6 5 1",
    "Tifinagh": "8xd 1j 8 1 f 0",
    "Tirhuta": "1im9 1z 9 9",
    "Toto": "2nbl u",
    "Ugaritic": "1f9d t 2 0",
    "Vai": "wld 8b",
    "Vithkuqi": "1fn5 a 2 e 2 6 2 1 2 a 2 e 2 6 2 1",
    "Wancho": "2ncx 1l 6 0",
    "Warang_Citi": "1jfl 2a d 0",
    "Yezidi": "1hfl 15 2 2 3 1",
    "Zanabazar_Square": "1jpd 1z",
}

FOLDINGS: Final = (
    "1t q 1 w 2z 1 1 6gv 37 1 1 7g 51 1 1 kn 5c n 1 w 60 7 1 w 67 1 1 5vj 6d 1 1 6di 73 1 1 3d 74 o 2 1 8i 3 2 1 8p "
    "8 2 1 96 n 2 1 ah 3 2 1 ao 1 1 5f ap 1 1 5u aq 2 2 1 au 1 1 5q av 1 1 1 ax 2 1 5p az 1 1 1 b2 1 1 27 b3 1 1 5m "
    "b4 1 1 5n b5 1 1 1 b7 1 1 5p b8 1 1 5r b9 1 1 2p ba 1 1 5v bb 1 1 5t bc 1 1 1 be 1 1 4j bg 1 1 5v bh 1 1 5x bi "
    "1 1 3m bj 1 1 5y bk 3 2 1 bq 1 1 62 br 1 1 1 bt 1 1 62 bw 1 1 1 by 1 1 62 bz 1 1 1 c1 2 1 61 c3 2 2 1 c7 1 1 "
    "63 c8 1 1 1 cc 1 1 1 cf 1 1 1k ck 2 1 1 cn 2 1 1 cq 2 1 1 ct 8 2 1 da 9 2 1 dt 2 1 1 dw 1 1 1 e0 k 2 1 f6 9 2 "
    "1 fu 1 1 8bv fv 1 1 1 fy 1 1 8bs fz 2 1 8cf g1 1 1 1 g4 1 1 1x g5 1 1 1z g6 5 2 1 gg 1 1 8bj gh 1 1 8bg gi 1 1 "
    "8bi gs 1 1 wnj gx 1 1 wnf h1 1 1 wmg h2 1 1 wn8 h6 1 1 wn8 h7 1 1 8af h8 1 1 wn5 hd 1 1 8al hp 1 1 89z hu 1 1 "
    "wn7 hz 1 1 wmi il 1 1 wlx im 1 1 wlu n9 1 1 2c og 2 2 1 om 1 1 1 or 3 1 3m ov 1 1 38 p2 1 1 12 p4 3 1 11 p8 1 "
    "1 1s pa 2 1 1r pc 1 1 5kz pd h 1 w pv 1 1 v pw 8 1 w q8 1 1 5kj qa 1 1 u qd 1 1 1s qg 1 1 p qh 1 1 5j9 qi 1 1 "
    "1i qo 1 1 m qp 1 1 1c qq 1 1 1 qu 1 1 f qx 1 1 5st r3 1 1 8 r5 1 1 z rc c 2 1 s2 1 1 7 s7 1 1 1 sa 1 1 1 sg g "
    "1 28 sw w 1 w tu 1 1 4su tw 1 1 4st u6 1 1 4sk u9 2 1 4si ui 1 1 4sc v4 h 2 1 v7 1 1 4ro wa r 2 1 xs 1 1 f xt "
    "7 2 1 y8 1c 2 1 10x 12 1 1c 3a8 12 1 5ls 3bb 1 1 5ls 3bh 1 1 5ls 3bk 17 1 2bk 3ct 3 1 2bk 3vk 28 1 tzk 3xs 6 1 "
    "8 5ms 1 1 1 5mw 1 1 r7m 5tl 1 1 r9g 5tp 1 1 2xy 5u6 1 1 raw 5xc 23 2 1 601 1 1 1m 61s 1c 2 1 64g 8 1 8 64w 6 1 "
    "8 65c 8 1 8 65s 8 1 8 668 6 1 8 66p 4 2 8 674 8 1 8 67k 2 1 22 67m 4 1 2e 67q 2 1 2s 67s 2 1 3k 67u 2 1 34 67w "
    "2 1 3i 680 8 1 8 68g 8 1 8 68w 8 1 8 69c 2 1 8 69f 1 1 9 69v 1 1 9 6a8 2 1 8 6ao 2 1 8 6at 1 1 7 6b7 1 1 9 6k2 "
    "1 1 s 6lc g 1 g 6mb 1 1 1 792 q 1 q 8ow 1c 1 1c 8rk 1 1 1 8rr 3 2 1 8s2 1 1 1 8s5 1 1 1 8sg 1e 2 1 8vf 2 2 1 "
    "8vm 1 1 1 wu8 n 2 1 ww0 e 2 1 x0i 7 2 1 x0y v 2 1 x2x 2 2 1 x32 5 2 1 x3f 1 1 1 x3k 2 2 1 x3o 1 1 1c x3q a 2 1 "
    "x4j 1 1 ps x4k 8 2 1 x53 2 2 1 x5c 1 1 1 x5i 2 2 1 x6d 1 1 1 1dl1 1 1 1 1ee9 q 1 w 1fcw 14 1 14 1fhs 10 1 14 "
    "1fn4 j 2 13 1fn5 5 2 13 1fnh 7 2 13 1fnx 3 2 13 1fo5 1 1 13 1h1c 1f 1 1s 1jfk w 1 w 20cg w 1 w 2olc y 1 y"
)
