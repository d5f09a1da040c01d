"""One short sentence in each of many languages, to hear a voice before choosing it."""

from botyard.features.chatbots.voice import languages

_SENTENCES = {
    "ar": "مرحبا، كيف يمكنني مساعدتك اليوم؟",
    "bg": "Здравейте, с какво мога да ви помогна днес?",
    "bn": "নমস্কার, আজ আমি আপনাকে কীভাবে সাহায্য করতে পারি?",
    "ca": "Hola, en què us puc ajudar avui?",
    "cmn": "您好，今天我能帮您做什么？",
    "cs": "Dobrý den, s čím vám dnes mohu pomoci?",
    "da": "Hej, hvad kan jeg hjælpe dig med i dag?",
    "de": "Guten Tag, wobei kann ich Ihnen heute helfen?",
    "el": "Γεια σας, πώς μπορώ να σας βοηθήσω σήμερα;",
    "en": "Hello, how can I help you today?",
    "es": "Hola, ¿en qué puedo ayudarle hoy?",
    "et": "Tere, kuidas saan teid täna aidata?",
    "fa": "سلام، امروز چطور می‌توانم به شما کمک کنم؟",
    "fi": "Hei, kuinka voin auttaa sinua tänään?",
    "fr": "Bonjour, comment puis-je vous aider aujourd'hui ?",
    "he": "שלום, איך אפשר לעזור לך היום?",
    "hi": "नमस्ते, आज मैं आपकी क्या मदद कर सकता हूँ?",
    "hr": "Dobar dan, kako vam mogu danas pomoći?",
    "hu": "Jó napot, miben segíthetek ma?",
    "id": "Halo, apa yang bisa saya bantu hari ini?",
    "it": "Buongiorno, come posso aiutarla oggi?",
    "ja": "こんにちは、今日はどのようなご用件でしょうか。",
    "ko": "안녕하세요, 오늘 무엇을 도와드릴까요?",
    "lt": "Sveiki, kuo galiu jums šiandien padėti?",
    "lv": "Sveiki, kā es varu jums šodien palīdzēt?",
    "nb": "Hei, hva kan jeg hjelpe deg med i dag?",
    "nl": "Hallo, waarmee kan ik u vandaag helpen?",
    "pl": "Dzień dobry, w czym mogę dzisiaj pomóc?",
    "pt": "Olá, em que posso ajudar hoje?",
    "ro": "Bună ziua, cu ce vă pot ajuta astăzi?",
    "ru": "Здравствуйте, чем я могу помочь вам сегодня?",
    "sk": "Dobrý deň, s čím vám dnes môžem pomôcť?",
    "sl": "Dober dan, kako vam lahko danes pomagam?",
    "sr": "Добар дан, како могу да вам помогнем данас?",
    "sv": "Hej, vad kan jag hjälpa dig med idag?",
    "sw": "Habari, nikusaidie vipi leo?",
    "ta": "வணக்கம், இன்று நான் உங்களுக்கு எப்படி உதவலாம்?",
    "tr": "Merhaba, bugün size nasıl yardımcı olabilirim?",
    "uk": "Добрий день, чим я можу вам сьогодні допомогти?",
    "ur": "السلام علیکم، آج میں آپ کی کیا مدد کر سکتا ہوں؟",
    "vi": "Xin chào, hôm nay tôi có thể giúp gì cho bạn?",
    "yue": "你好，今日有咩可以幫到你？",
}


def sentence(language: str) -> str:
    """A sentence in the language of a BCP 47 tag; in English where none in that language is known."""
    return _SENTENCES.get(languages.primary(language), _SENTENCES["en"])
