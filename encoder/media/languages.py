"""Language tags in the form of BCP 47 (RFC 5646)."""

from __future__ import annotations

import re

__all__ = ["normalise_language"]

#: ISO 639-2 codes (terminology, then bibliographic) and the ISO 639-1 code that BCP 47 requires instead.
_PAIRS = (
    "aar:aa abk:ab afr:af aka:ak amh:am ara:ar arg:an asm:as ava:av ave:ae aym:ay aze:az bak:ba bam:bm bel:be"
    " ben:bn bis:bi bod:bo bos:bs bre:br bul:bg cat:ca ces:cs cha:ch che:ce chu:cu chv:cv cor:kw cos:co cre:cr"
    " cym:cy dan:da deu:de div:dv dzo:dz ell:el eng:en epo:eo est:et eus:eu ewe:ee fao:fo fas:fa fij:fj fin:fi"
    " fra:fr fry:fy ful:ff gla:gd gle:ga glg:gl glv:gv grn:gn guj:gu hat:ht hau:ha heb:he her:hz hin:hi hmo:ho"
    " hrv:hr hun:hu hye:hy ibo:ig ido:io iii:ii iku:iu ile:ie ina:ia ind:id ipk:ik isl:is ita:it jav:jv jpn:ja"
    " kal:kl kan:kn kas:ks kat:ka kau:kr kaz:kk khm:km kik:ki kin:rw kir:ky kom:kv kon:kg kor:ko kua:kj kur:ku"
    " lao:lo lat:la lav:lv lim:li lin:ln lit:lt ltz:lb lub:lu lug:lg mah:mh mal:ml mar:mr mkd:mk mlg:mg mlt:mt"
    " mon:mn mri:mi msa:ms mya:my nau:na nav:nv nbl:nr nde:nd ndo:ng nep:ne nld:nl nno:nn nob:nb nor:no nya:ny"
    " oci:oc oji:oj ori:or orm:om oss:os pan:pa pli:pi pol:pl por:pt pus:ps que:qu roh:rm ron:ro run:rn rus:ru"
    " sag:sg san:sa sin:si slk:sk slv:sl sme:se smo:sm sna:sn snd:sd som:so sot:st spa:es sqi:sq srd:sc srp:sr"
    " ssw:ss sun:su swa:sw swe:sv tah:ty tam:ta tat:tt tel:te tgk:tg tgl:tl tha:th tir:ti ton:to tsn:tn tso:ts"
    " tuk:tk tur:tr twi:tw uig:ug ukr:uk urd:ur uzb:uz ven:ve vie:vi vol:vo wln:wa wol:wo xho:xh yid:yi yor:yo"
    " zha:za zho:zh zul:zu"
    " alb:sq arm:hy baq:eu bur:my chi:zh cze:cs dut:nl fre:fr geo:ka ger:de gre:el ice:is mac:mk mao:mi may:ms"
    " per:fa rum:ro slo:sk tib:bo wel:cy"
)
_SHORTEST = dict(pair.split(":") for pair in _PAIRS.split())
#: Withdrawn ISO 639-1 codes and their successors.
_WITHDRAWN = {"in": "id", "iw": "he", "ji": "yi", "jw": "jv", "mo": "ro", "sh": "sr-Latn"}
_SHORT = frozenset(_SHORTEST.values())
#: Primary subtag and further subtags. Registered tags of other forms (i-klingon, x-private) name no language.
_FORM = re.compile(r"([a-z]{2,3})((?:-[a-z0-9]{1,8})*)")


def normalise_language(tag: str) -> str | None:
    """Return a language tag in the canonical form of BCP 47; None if it is none, or names no language.

    Examples
    --------
    >>> [normalise_language(tag) for tag in ("fre", "pt_br", "zh-hant-TW", "mul", "English", "und")]
    ['fr', 'pt-BR', 'zh-Hant-TW', 'mul', None, None]
    """
    match = _FORM.fullmatch(tag.strip().lower().replace("_", "-"))
    if match is None:
        return None
    primary, rest = match.groups()
    primary = _SHORTEST.get(primary, _WITHDRAWN.get(primary, primary))
    if primary == "und" or (len(primary) == 2 and primary not in _SHORT):
        return None
    return primary + "".join(f"-{each}" for each in _set_case(rest.split("-")[1:]))


def _set_case(subtags: list[str]) -> list[str]:
    """Write scripts as titles and regions in capitals, but nothing after a singleton (RFC 5646, 2.1.1)."""
    cased: list[str] = []
    for n, subtag in enumerate(subtags):
        after_singleton = any(len(each) == 1 for each in subtags[:n])
        if after_singleton or not subtag.isalpha():
            cased.append(subtag)
        elif len(subtag) == 4:
            cased.append(subtag.title())
        else:
            cased.append(subtag.upper() if len(subtag) == 2 else subtag)
    return cased
